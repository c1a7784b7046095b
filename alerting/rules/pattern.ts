import { RE2JS } from 're2js'

/** A pattern for the linear-time engine, and why it is refused where it is. */
export function checkPattern(pattern: unknown): { message: string; code: string } | undefined {
  if (typeof pattern !== 'string' || pattern === '') return { message: 'regex takes a pattern', code: 'regex' }
  const look = /\(\?(<?[=!])/.exec(pattern)
  if (look) {
    const name = look[1]?.startsWith('<') ? 'look-behind' : 'look-ahead'
    const alternative = look[1]?.endsWith('!') ? 'try .contains with not:' : 'try a second condition on the same field'
    return {
      message: `${name} "(?${look[1] ?? ''}" is not supported (linear-time engine); ${alternative}`,
      code: 'regex',
    }
  }
  if (/(^|[^\\])(\\\\)*\\[1-9]/.test(pattern))
    return {
      message: 'back-references are not supported (linear-time engine); try change or a groupBy on the field',
      code: 'regex',
    }
  try {
    RE2JS.compile(pattern)
    return undefined
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace('error parsing regexp: ', '')
    return { message: `this is no pattern of RE2: ${why}`, code: 'regex' }
  }
}

/**
 * A text that every match must hold, lower case ASCII; undefined where none is certain. It gates the
 * engine: most lines never reach it.
 */
export function requiredLiteral(pattern: string): string | undefined {
  if (/\(\?[^:P]/.test(pattern)) return undefined
  let best = ''
  let run = ''
  let depth = 0
  const close = () => {
    if (run.length > best.length) best = run
    run = ''
  }
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index] as string
    if (character === '|' && depth === 0) return undefined
    if (character === '(') {
      close()
      depth++
    } else if (character === ')') {
      close()
      depth--
    } else if (character === '[') {
      close()
      index = endOfClass(pattern, index)
    } else if (character === '{') {
      // `{0,n}` may leave the character before it out.
      run = run.slice(0, -1)
      close()
      const end = pattern.indexOf('}', index)
      if (end < 0) return undefined
      index = end
    } else if (character === '*' || character === '?') {
      run = run.slice(0, -1)
      close()
    } else if (character === '+' || '.^$'.includes(character)) close()
    else if (character === '\\') {
      const next = pattern[++index] ?? ''
      // Classes and numbers in several characters: what follows the letter is no text.
      if (/[pPxQ0]/.test(next)) return undefined
      if (/[A-Za-z0-9]/.test(next)) close()
      else if (depth === 0) run += next
    } else if (depth === 0) run += character
  }
  close()
  return longestAscii(best)
}

/** The longest piece of plain ASCII, lower case: folded text holds it wherever the pattern matches. */
function longestAscii(text: string): string | undefined {
  const longest = text.split(/[^\x20-\x7e]/).toSorted((a, b) => b.length - a.length)[0] ?? ''
  return longest === '' ? undefined : longest.toLowerCase()
}

function endOfClass(pattern: string, from: number): number {
  let index = from + 1
  if (pattern[index] === '^') index++
  if (pattern[index] === ']') index++
  for (; index < pattern.length && pattern[index] !== ']'; index++) {
    if (pattern[index] === '\\') index++
    else if (pattern[index] === '[' && pattern[index + 1] === ':') index = pattern.indexOf(':]', index) + 1 || index
  }
  return index
}
