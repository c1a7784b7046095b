/** What a query_string says; the few shapes that rules are written in. */
export type LuceneNode =
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly LuceneNode[] }
  | { readonly kind: 'not'; readonly node: LuceneNode }
  | { readonly kind: 'exists'; readonly field: string }
  | { readonly kind: 'term'; readonly field: string | undefined; readonly text: string; readonly isPhrase: boolean }
  | {
      readonly kind: 'range'
      readonly field: string
      readonly operator: 'gt' | 'gte' | 'lt' | 'lte'
      readonly value: number
    }
  | { readonly kind: 'regex'; readonly field: string; readonly pattern: string }

const token =
  /\s*(?:(\(|\))|(&&|\|\||!)|"((?:[^"\\]|\\.)*)"|\/((?:[^/\\]|\\.)*)\/|([[{])\s*([^\s\]}]+)\s+TO\s+([^\s\]}]+)\s*([\]}])|([^\s():"[\]{}!]+?):(?=\S)|(>=|<=|>|<)\s*(-?[\d.]+)|([^\s():"[\]{}]+))/y

type Token =
  | { readonly kind: 'open' | 'close' | 'and' | 'or' | 'not' }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'phrase' | 'regex' | 'word'; readonly text: string }
  | { readonly kind: 'between'; readonly bounds: ReadonlyArray<readonly ['gt' | 'gte' | 'lt' | 'lte', string]> }
  | { readonly kind: 'compare'; readonly operator: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: string }

/** Throws an Error whose message says what is not understood. */
export function parseLucene(text: string): LuceneNode {
  return new Reader(tokensOf(text)).read()
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  token.lastIndex = 0
  while (text.slice(token.lastIndex).trim() !== '') {
    const from = token.lastIndex
    const found = token.exec(text)
    if (!found) throw new Error(`"${text.slice(from).trim().slice(0, 40)}" is not understood`)
    tokens.push(tokenOf(found))
  }
  return tokens
}

const comparisons = { '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte' } as const

function tokenOf(found: RegExpExecArray): Token {
  const [, bracket, symbol, phrase, regex, from, low = '', high = '', to, field, comparison, number = '', word = ''] =
    found
  if (bracket !== undefined) return { kind: bracket === '(' ? 'open' : 'close' }
  if (symbol !== undefined) return { kind: symbol === '&&' ? 'and' : symbol === '||' ? 'or' : 'not' }
  if (phrase !== undefined) return { kind: 'phrase', text: phrase.replace(/\\(.)/g, '$1') }
  if (regex !== undefined) return { kind: 'regex', text: regex }
  if (from !== undefined) {
    const bounds: Array<readonly ['gt' | 'gte' | 'lt' | 'lte', string]> = []
    if (low !== '*') bounds.push([from === '[' ? 'gte' : 'gt', low])
    if (high !== '*') bounds.push([to === ']' ? 'lte' : 'lt', high])
    return { kind: 'between', bounds }
  }
  if (field !== undefined) return { kind: 'field', name: field.replace(/\\(.)/g, '$1') }
  if (comparison !== undefined)
    return { kind: 'compare', operator: comparisons[comparison as keyof typeof comparisons], value: number }
  if (word === 'AND' || word === 'OR' || word === 'NOT') return { kind: word.toLowerCase() as 'and' | 'or' | 'not' }
  return { kind: 'word', text: word }
}

const maxDepth = 100

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  read(): LuceneNode {
    if (this.#tokens.length === 0) throw new Error('the query is empty')
    const node = this.#either(undefined)
    if (this.#at < this.#tokens.length) throw new Error('a parenthesis is closed that was not opened')
    return node
  }

  /** AND binds before OR. Two terms side by side are OR for Elasticsearch, unless configured: refused. */
  #either(field: string | undefined): LuceneNode {
    const nodes = [this.#both(field)]
    while (this.#take('or')) nodes.push(this.#both(field))
    const next = this.#tokens[this.#at]
    if (next && next.kind !== 'close') throw new Error('terms side by side without AND or OR: write which is meant')
    return nodes.length === 1 ? (nodes[0] as LuceneNode) : { kind: 'or', nodes }
  }

  #both(field: string | undefined): LuceneNode {
    const nodes = [this.#single(field)]
    while (this.#take('and')) nodes.push(this.#single(field))
    return nodes.length === 1 ? (nodes[0] as LuceneNode) : { kind: 'and', nodes }
  }

  #single(field: string | undefined): LuceneNode {
    if (++this.#depth > maxDepth) throw new Error('the query is nested too deep')
    try {
      return this.#one(field)
    } finally {
      this.#depth--
    }
  }

  #one(field: string | undefined): LuceneNode {
    const next = this.#tokens[this.#at++]
    switch (next?.kind) {
      case 'not':
        return { kind: 'not', node: this.#single(field) }
      case 'open': {
        const inner = this.#either(field)
        if (!this.#take('close')) throw new Error('a parenthesis is not closed')
        return inner
      }
      case 'field':
        return this.#single(next.name)
      case 'phrase':
        return { kind: 'term', field, text: next.text, isPhrase: true }
      case 'word':
        return wordNode(field, next.text)
      case 'regex':
        return { kind: 'regex', field: named(field), pattern: next.text }
      case 'compare':
        return rangeNode(field, next.operator, next.value)
      case 'between': {
        const nodes = next.bounds.map(([operator, value]) => rangeNode(field, operator, value))
        return nodes.length === 0 ? { kind: 'exists', field: named(field) } : { kind: 'and', nodes }
      }
      default:
        throw new Error('the query ends too early')
    }
  }

  #take(kind: Token['kind']): boolean {
    if (this.#tokens[this.#at]?.kind !== kind) return false
    this.#at++
    return true
  }
}

function wordNode(field: string | undefined, text: string): LuceneNode {
  if (/^[+-]/.test(text) && text.length > 1 && Number.isNaN(Number(text)))
    throw new Error(`"${text}": + and - cannot be carried over: write AND, OR and NOT`)
  if (/[~^]\d*\.?\d*$/.test(text)) throw new Error(`"${text}": nearness and weight cannot be carried over`)
  if (field === '_exists_') return { kind: 'exists', field: text }
  return { kind: 'term', field, text, isPhrase: false }
}

function rangeNode(field: string | undefined, operator: 'gt' | 'gte' | 'lt' | 'lte', value: string): LuceneNode {
  const number = Number(value)
  if (value === '' || !Number.isFinite(number)) throw new Error(`"${value}": only numbers are compared`)
  return { kind: 'range', field: named(field), operator, value: number }
}

function named(field: string | undefined): string {
  if (field === undefined) throw new Error('a pattern or a range needs its field')
  return field
}
