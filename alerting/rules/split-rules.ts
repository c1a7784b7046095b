/** A rule file taken apart at its rules. */
export interface RuleTexts {
  /** All before the first rule, `rules:` included. */
  readonly head: string
  readonly rules: ReadonlyArray<{
    readonly text: string
    /** The line it begins on, from 0. */
    readonly line: number
  }>
}

const listKey = /^rules:\s*(#.*)?$/
const nothing = /^\s*(#.*)?$/

/**
 * One text a rule, where the lines alone show where each begins and ends; undefined where they do not: then the file is
 * read as one. Whoever reads a piece and finds an error in it must read the file as one, too: a line within quotes may
 * look like a rule's beginning.
 */
export function splitRules(text: string): RuleTexts | undefined {
  const lines = text.split('\n')
  const list = lines.findIndex((line) => listKey.test(line))
  // A directive or a second document changes what follows.
  if (list < 0 || lines.some((line, index) => line.startsWith('%') || (index > 0 && /^(---|\.\.\.)/.test(line))))
    return undefined
  let first = list + 1
  while (first < lines.length && nothing.test(lines[first] as string)) first++
  const indent = /^ *(?=- )/.exec(lines[first] ?? '')?.[0]
  if (indent === undefined) return undefined
  const start = `${indent}- `
  const deeper = `${indent} `
  const starts: number[] = []
  for (let index = first; index < lines.length; index++) {
    const line = lines[index] as string
    if (line.startsWith(start)) starts.push(index)
    else if (!line.startsWith(deeper) && !nothing.test(line)) return undefined
  }
  const rules = starts.map((from, order) => ({
    // With its last line's end, which a block of text keeps.
    text: [...lines.slice(from, starts[order + 1]), ...(order + 1 < starts.length ? [''] : [])].join('\n'),
    line: from,
  }))
  return { head: lines.slice(0, first).join('\n'), rules }
}
