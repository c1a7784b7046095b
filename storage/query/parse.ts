import { widthOf } from '../../runtime/terminal-cells.ts'
import { lex, type QueryError, type Token } from './lexer.ts'
import { asNumber } from './matches.ts'
import type { QueryNode } from './query.ts'
import { foreignValue, foreignWord, pathSlip } from './slips.ts'

export type { QueryError } from './lexer.ts'
export type ParsedQuery =
  | { readonly ok: true; readonly query: QueryNode }
  | { readonly ok: false; readonly error: QueryError }

/**
 * The search language; docs/search.md tells it to people:
 *
 *     query   = or
 *     or      = and { "or" and }
 *     and     = not { [ "and" ] not }
 *     not     = "not" not | "(" query ")" | field | text
 *     field   = path ":" ( value | "(" value { "or" value } ")" ) | path ( ">" | ">=" | "<" | "<=" ) bound
 *     value   = word with * as wildcard | "quoted, as it is" | * alone: the field is there
 *     bound   = number | time, such as 2026-11-24 or "2026-11-24T10:00:00+09:00"
 *     text    = word | "words in this order", looked for in `message`
 */
export function parseQuery(text: string): ParsedQuery {
  const lexed = lex(text)
  if (!lexed.ok) return lexed
  if (lexed.tokens.length === 0) return { ok: true, query: { kind: 'all' } }
  const parser = new Parser(lexed.tokens, text.length)
  try {
    return { ok: true, query: parser.whole() }
  } catch (error) {
    if (error instanceof Misread) return { ok: false, error: error.where }
    throw error
  }
}

/** The query, a caret under the place, and what to write instead. */
export function formatQueryError(text: string, { message, at, length, hint }: QueryError): string {
  const place = ' '.repeat(widthOf(text.slice(0, at)))
  const caret = `${place}${'^'.repeat(Math.max(1, widthOf(text.slice(at, at + length))))}`
  return `${text}\n${caret}\n${message}${hint === undefined ? '' : `; ${hint}`}`
}

class Misread extends Error {
  readonly where: QueryError
  constructor(where: QueryError) {
    super(where.message)
    this.where = where
  }
}

const deepest = 200
const boundHint = 'write 400, 2026-11-24 or "2026-11-24T10:00:00+09:00"'

class Parser {
  readonly #tokens: readonly Token[]
  readonly #end: number
  #position = 0
  #depth = 0

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens
    this.#end = end
  }

  whole(): QueryNode {
    const query = this.#or()
    const rest = this.#peek()
    if (rest) this.#fail(rest, rest.kind === ')' ? 'this parenthesis was never opened' : 'the query should end here')
    return query
  }

  #or(): QueryNode {
    const nodes = [this.#and()]
    while (this.#take('or')) nodes.push(this.#and())
    return nodes.length === 1 ? (nodes[0] as QueryNode) : { kind: 'or', nodes }
  }

  #and(): QueryNode {
    const nodes = [this.#not()]
    for (let next = this.#peek(); next && next.kind !== 'or' && next.kind !== ')'; next = this.#peek()) {
      this.#take('and')
      nodes.push(this.#not())
    }
    return nodes.length === 1 ? (nodes[0] as QueryNode) : { kind: 'and', nodes }
  }

  #not(): QueryNode {
    const token = this.#next('a condition')
    if (++this.#depth > deepest) this.#fail(token, 'the query is nested too deep')
    try {
      switch (token.kind) {
        case 'not':
          return { kind: 'not', node: this.#not() }
        case '(': {
          const inner = this.#or()
          if (!this.#take(')')) this.#fail(token, 'this parenthesis is never closed')
          return inner
        }
        case 'quoted':
          return { kind: 'text', text: token.text, isPhrase: true }
        case 'word':
          return this.#word(token)
        default:
          return this.#fail(token, `unexpected "${token.kind}"`, 'a condition should stand here')
      }
    } finally {
      this.#depth--
    }
  }

  #word(token: Token & { kind: 'word' }): QueryNode {
    const relation = this.#peek()
    switch (relation?.kind) {
      case ':':
        this.#position++
        return this.#field(token)
      case '>':
      case '>=':
      case '<':
      case '<=': {
        this.#position++
        const limit = this.#next('a number or a time')
        if (limit.kind !== 'word' && limit.kind !== 'quoted')
          return this.#fail(limit, 'a number or a time should stand here')
        if (asNumber(limit.text) === undefined)
          return this.#fail(limit, `"${limit.text}" is no number and no time`, boundHint)
        const op = ({ '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte' } as const)[relation.kind]
        return { kind: 'range', path: this.#path(token), op, value: limit.text }
      }
      default: {
        const slip = foreignWord(token.text)
        if (slip) this.#fail(token, slip.message, slip.hint)
        return { kind: 'text', text: plain(token.text), isPhrase: false }
      }
    }
  }

  #field(token: Token & { kind: 'word' }): QueryNode {
    const path = this.#path(token)
    const first = this.#next(`a value for ${path}`)
    if (first.kind !== '(') return this.#value(path, first)
    const nodes = [this.#value(path, this.#next('a value'))]
    while (this.#take('or')) nodes.push(this.#value(path, this.#next('a value')))
    if (!this.#take(')')) this.#fail(first, 'this parenthesis is never closed', 'values are joined by or: (a or b)')
    return nodes.length === 1 ? (nodes[0] as QueryNode) : { kind: 'or', nodes }
  }

  #value(path: string, token: Token): QueryNode {
    if (token.kind === 'quoted') return valueOf(path, token.text, true)
    if (token.kind !== 'word') return this.#fail(token, `a value for ${path} should stand here`)
    if (token.text === '*') return { kind: 'exists', path }
    const slip = foreignValue(path, token.text, this.#peek())
    if (slip) this.#fail(token, slip.message, slip.hint)
    const isPattern = /(?<!\\)\*/.test(token.text)
    return isPattern ? { kind: 'field', path, value: token.text, isPattern } : valueOf(path, plain(token.text), false)
  }

  #path(token: Token & { kind: 'word' }): string {
    const path = token.text.replace(/^@?timestamp$/, '@timestamp')
    const slip = pathSlip(path)
    if (slip) this.#fail(token, slip.message, slip.hint)
    return path
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#position]
  }

  #take(kind: Token['kind']): boolean {
    if (this.#peek()?.kind !== kind) return false
    this.#position++
    return true
  }

  #next(wanted: string): Token {
    const token = this.#tokens[this.#position++]
    const hint = 'such as amqp.operation: queue.delete'
    if (!token) throw new Misread({ message: `${wanted} is missing at the end`, at: this.#end, length: 1, hint })
    return token
  }

  #fail({ at, length }: Token, message: string, hint?: string): never {
    throw new Misread({ message, at, length, ...(hint !== undefined && { hint }) })
  }
}

/** Nobody asks for a whole message: its words are meant, as where no field is named. */
function valueOf(path: string, value: string, isPhrase: boolean): QueryNode {
  return path === 'message' ? { kind: 'text', text: value, isPhrase } : { kind: 'field', path, value, isPattern: false }
}

function plain(text: string): string {
  return text.replace(/\\(.)/g, '$1')
}
