/** What a part of a pattern can match: all its texts where they are few, and texts one of which every match contains. */
interface Matches {
  readonly all: readonly string[] | undefined
  readonly oneOf: readonly string[] | undefined
}

const maxTexts = 16
const anything: Matches = { all: undefined, oneOf: undefined }
const nothing: Matches = { all: [''], oneOf: undefined }

/**
 * Texts one of which stands in every match of the pattern, the most telling that can be had of it; undefined where it
 * demands none. None reaches over a line's end.
 */
export function needlesOf(pattern: RegExp): readonly string[] | undefined {
  if (pattern.ignoreCase) return undefined
  const reader = { source: pattern.source, at: 0 }
  const found = alternatives(reader)
  return reader.at === reader.source.length ? demanded(found) : undefined
}

interface Reader {
  readonly source: string
  at: number
}

const shortest = (texts: readonly string[]): number => Math.min(...texts.map(({ length }) => length))

function demanded({ all, oneOf }: Matches): readonly string[] | undefined {
  if (!all || shortest(all) === 0) return oneOf
  return oneOf && shortest(oneOf) > shortest(all) ? oneOf : all
}

function alternatives(reader: Reader): Matches {
  const parts = [sequence(reader)]
  while (reader.source[reader.at] === '|') {
    reader.at++
    parts.push(sequence(reader))
  }
  if (parts.length === 1) return parts[0] ?? anything
  const all = parts.flatMap((part) => part.all ?? [])
  const needed = parts.map(demanded)
  const oneOf = needed.flatMap((texts) => texts ?? [])
  return {
    all: parts.every((part) => part.all) && all.length <= maxTexts ? all : undefined,
    oneOf: needed.every((texts) => texts) ? oneOf : undefined,
  }
}

function sequence(reader: Reader): Matches {
  let best: readonly string[] | undefined
  let run: readonly string[] = ['']
  let isWhole = true
  const offer = (texts: readonly string[] | undefined) => {
    if (texts && shortest(texts) > (best ? shortest(best) : 0)) best = texts
  }
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at] ?? '')) {
    const part = repeated(reader, atom(reader))
    const { all } = part
    if (all && all.length * run.length <= maxTexts) {
      run = run.flatMap((text) => all.map((more) => text + more))
      continue
    }
    offer(run)
    offer(demanded(part))
    run = ['']
    isWhole = false
  }
  offer(run)
  return { all: isWhole ? run : undefined, oneOf: best }
}

function atom(reader: Reader): Matches {
  const { source } = reader
  const letter = source[reader.at++] ?? ''
  if (letter === '(') return group(reader)
  if (letter === '[') {
    for (; source[reader.at] !== ']' && reader.at < source.length; reader.at++)
      if (source[reader.at] === '\\') reader.at++
    reader.at++
    return anything
  }
  if (letter === '^' || letter === '$') return nothing
  if (letter === '.') return anything
  if (letter !== '\\') return { all: [letter], oneOf: undefined }
  const escaped = source[reader.at++] ?? ''
  if (escaped === 'b' || escaped === 'B') return nothing
  // A class, a code, a reference, or a line's end: it tells nothing.
  return /\w/.test(escaped) ? anything : { all: [escaped], oneOf: undefined }
}

function group(reader: Reader): Matches {
  const opening = /^\?(?:<[=!]|[=!]|:|<\w+>)/.exec(reader.source.slice(reader.at))?.[0] ?? ''
  reader.at += opening.length
  const inside = alternatives(reader)
  reader.at++
  if (opening === '?!' || opening === '?<!') return anything
  // What stands ahead is in the match's neighbourhood, but not a part of the run.
  return opening === '?=' || opening === '?<=' ? { all: undefined, oneOf: demanded(inside) } : inside
}

function repeated(reader: Reader, part: Matches): Matches {
  const [quantifier, least] = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})/.exec(reader.source.slice(reader.at)) ?? []
  if (quantifier === undefined) return part
  reader.at += quantifier.length
  if (reader.source[reader.at] === '?') reader.at++
  if (quantifier === '?')
    return part.all && part.all.length < maxTexts ? { all: [...part.all, ''], oneOf: undefined } : anything
  const isOptional = quantifier === '*' || Number(least ?? 1) === 0
  return isOptional ? anything : { all: undefined, oneOf: demanded(part) }
}
