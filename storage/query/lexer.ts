export interface QueryError {
  readonly message: string
  /** Where in the text, counting from 0. */
  readonly at: number
  readonly length: number
  readonly hint?: string
}

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number; readonly length: number }
  /** `"…"`; quotes within are written \". */
  | { readonly kind: 'quoted'; readonly text: string; readonly at: number; readonly length: number }
  | {
      readonly kind: '(' | ')' | ':' | '>' | '>=' | '<' | '<=' | 'and' | 'or' | 'not'
      readonly at: number
      readonly length: number
    }

export type Lexed =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly error: QueryError }

const space = /\s+/y
const symbol = /[():]|[<>]=?/y
const quoted = /"((?:[^"\\]|\\.)*)"/y
// A word ends at a space, a parenthesis or a quote; a colon ends a field's name, but may stand in a value (10:30).
const word = /(?:[^\s()":<>\\]|\\.)+/y
const value = /(?:[^\s()"\\]|\\.)+/y
const keywords = new Set(['and', 'or', 'not'])
const relations = new Set([':', '>', '>=', '<', '<='])

/** Words, quoted texts, parentheses and relations, each with its place. */
export function lex(text: string): Lexed {
  const tokens: Token[] = []
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  while (at < text.length) {
    const blank = take(space)
    if (blank) {
      at += blank[0].length
      continue
    }
    const last = tokens.at(-1)
    const isValue = last !== undefined && relations.has(last.kind) && text[at] !== '('
    const token = isValue ? (readQuoted() ?? readWord(value)) : (readSymbol() ?? readQuoted() ?? readWord(word))
    if (!token) {
      const isOpenQuote = text[at] === '"'
      const message = isOpenQuote ? 'this quote is never closed' : `unexpected "${text[at]}"`
      return { ok: false, error: { message, at, length: 1, ...(!isOpenQuote && { hint: 'put it in "quotes"' }) } }
    }
    tokens.push(token)
    at += token.length
  }
  return { ok: true, tokens }

  function readSymbol(): Token | undefined {
    const found = take(symbol)
    return found ? { kind: found[0] as '(', at, length: found[0].length } : undefined
  }
  function readQuoted(): Token | undefined {
    const found = take(quoted)
    return found ? { kind: 'quoted', text: unescape(found[1] ?? ''), at, length: found[0].length } : undefined
  }
  function readWord(pattern: RegExp): Token | undefined {
    const found = take(pattern)
    if (!found) return undefined
    const lower = found[0].toLowerCase()
    const place = { at, length: found[0].length }
    if (pattern === word && keywords.has(lower)) return { kind: lower as 'and', ...place }
    return { kind: 'word', text: found[0], ...place }
  }
}

/** `\"` and the like become the character itself; `\*` stays as it is: it is told from a wildcard later. */
function unescape(text: string): string {
  return text.replace(/\\([^*])/g, '$1')
}
