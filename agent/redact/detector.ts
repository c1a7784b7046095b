/** One thing found in a text, and what stands in its place. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly replace: string
}

/** Makes a stand-in of a value: `[phone]`, or `[phone:3f9a…]` where equal values must stay equal (keyed). */
export type StandIn = (rule: string, value: string) => string

/** Told of each thing masked: the rule, and how many. */
export type Count = (rule: string, count: number) => void

/** Finds what one rule masks. `digits` is the text with every way of writing a digit made ASCII, character by character. */
export interface Detector {
  readonly name: string
  /** In order and without overlaps. */
  find(text: string, digits: string, standIn: StandIn): readonly Span[]
}

/** Finds nothing in a text without this sign (signs.ts). */
export interface SignedDetector extends Detector {
  readonly sign: number
}

/** The text with each span replaced. */
export function replaceSpans(text: string, spans: readonly Span[]): string {
  let result = ''
  let from = 0
  for (const { start, end, replace } of spans) {
    if (start < from) continue
    result += text.slice(from, start) + replace
    from = end
  }
  return result + text.slice(from)
}

/** A span for each match of a global pattern that `check` lets through. */
export function spansOf(
  text: string,
  pattern: RegExp,
  check: (match: RegExpExecArray) => Omit<Span, 'start' | 'end'> | Span | undefined,
): Span[] {
  const spans: Span[] = []
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const found = check(match)
    if (found) spans.push({ start: match.index, end: match.index + match[0].length, ...found })
    if (match[0] === '') pattern.lastIndex++
  }
  return spans
}

/** In order, the first and longest of those that overlap. */
export function withoutOverlaps(spans: Span[]): Span[] {
  let end = 0
  return spans
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .filter((span) => {
      if (span.start < end) return false
      end = span.end
      return true
    })
}
