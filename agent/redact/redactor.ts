import { createHmac } from 'node:crypto'
import type { ThumpEvent } from '../../event/event.ts'
import { cards } from './cards.ts'
import { type Count, type Detector, replaceSpans, type SignedDetector, type StandIn } from './detector.ts'
import { createDictionary, type Dictionary } from './dictionary.ts'
import { asciiDigits } from './digits.ts'
import { accounts, licences, names, passports } from './documents.ts'
import { emails } from './emails.ts'
import { createScan, type Watch } from '../parse/formats/pair-scan.ts'
import { createMaskWatch, watchAll } from './mask-watch.ts'
import { createPatternRule } from './own-rules.ts'
import { phones } from './phones.ts'
import { rrn } from './rrn.ts'
import { signsOf } from './scan.ts'
import { secrets } from './secrets.ts'
import { signs } from './signs.ts'
import { createEventMask } from './walk.ts'

export interface RedactRule {
  readonly name: string
  readonly pattern?: string | undefined
  /** The words of its dictionary file. */
  readonly words?: readonly string[] | undefined
  readonly replace: string
}

export interface RedactOptions {
  readonly builtin: readonly string[]
  readonly rules: readonly RedactRule[]
  /** Where it is set, equal values get equal stand-ins: `[phones:3f9aC0d1e2]`. */
  readonly hmacKey?: Uint8Array | undefined
}

export interface Redactor {
  /** May anything of a line's bytes be masked? False is a promise; true is a guess, made fast. */
  mayHit(bytes: Uint8Array, start: number, end: number): boolean
  /** What `mayHit` asks, for whoever looks at a line's bytes anyway; `rest` where its answer is no. */
  readonly watch: Watch
  readonly rest: ((bytes: Uint8Array, start: number, end: number) => boolean) | undefined
  text(text: string, count?: Count): string
  /**
   * Masks in place all that strangers wrote into it, and adds to `redacted` what was masked. Again does nothing.
   * `isMessageClean`: its message is what `mayHit` has said no of.
   */
  event(event: ThumpEvent, isMessageClean?: boolean): void
}

/** Before the rest: what is left of a masked secret must not look like an address. The order is the order of masking. */
export const builtins: readonly SignedDetector[] = [
  secrets,
  cards,
  rrn,
  licences,
  passports,
  accounts,
  phones,
  emails,
  names,
]
export const builtinNames: readonly string[] = builtins.map(({ name }) => name)

/** Throws where a pattern is not RE2's syntax or a builtin is unknown. */
export function createRedactor({ builtin, rules, hmacKey }: RedactOptions): Redactor {
  const unknown = builtin.find((name) => !builtinNames.includes(name))
  if (unknown !== undefined)
    throw new Error(`no builtin rule is called ${unknown}; there are: ${builtinNames.join(', ')}`)
  const dictionaries: Dictionary[] = []
  const own = rules.flatMap(({ name, pattern, words, replace }) => {
    const dictionary = words === undefined || words.length === 0 ? [] : [createDictionary(name, words, replace)]
    dictionaries.push(...dictionary)
    return [...(pattern === undefined ? [] : [createPatternRule(name, pattern, replace)]), ...dictionary]
  })
  // A pattern of one's own has no sign to look for first.
  const watch = own.length > dictionaries.length ? watchAll : createMaskWatch(builtin)
  // Whoever looks at a line's bytes anyway has a scan of its own: this one's table is made when it is asked.
  let isWatched: ReturnType<typeof createScan> | undefined
  const chosen = builtins.filter(({ name }) => builtin.includes(name))
  const wanted = chosen.reduce<number>((all, { sign }) => all | sign, signs.wide)
  const standIn: StandIn = (rule, value) =>
    hmacKey === undefined
      ? `[${rule}]`
      : `[${rule}:${createHmac('sha256', hmacKey).update(`${rule}:${value}`).digest('hex').slice(0, 10)}]`
  const apply = (detector: Detector, text: string, digits: string, count?: Count): string => {
    // A mask that is found again is not counted again.
    const spans = detector
      .find(text, digits, standIn)
      .filter((span) => text.slice(span.start, span.end) !== span.replace)
    if (spans.length === 0) return text
    count?.(detector.name, spans.length)
    return replaceSpans(text, spans)
  }
  const text = (from: string, count?: Count): string => {
    let result = from
    for (const detector of own) result = apply(detector, result, result, count)
    const found = signsOf(result) & wanted
    if (found === 0) return result
    const digitsOf = (text: string) => ((found & signs.wide) === 0 ? text : asciiDigits(text))
    let digits = digitsOf(result)
    for (const detector of chosen) {
      if ((detector.sign & found) === 0) continue
      const masked = apply(detector, result, digits, count)
      if (masked === result) continue
      result = masked
      digits = digitsOf(result)
    }
    return result
  }
  const rest =
    dictionaries.length === 0
      ? undefined
      : (bytes: Uint8Array, start: number, end: number) =>
          dictionaries.some((dictionary) => dictionary.mayHit(bytes, start, end))
  return {
    watch,
    rest,
    mayHit: (bytes, start, end) =>
      (isWatched ??= createScan(watch))(bytes, start, end) || rest?.(bytes, start, end) === true,
    text,
    event: createEventMask(text),
  }
}
