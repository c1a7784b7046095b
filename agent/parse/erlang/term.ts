import type { Json } from '../../../event/event.ts'

/** Deeper text is refused: the parser is recursive, its input comes from strangers. */
const maxDepth = 32
const maxLength = 65_536

class Malformed extends Error {}

/** Reads one Erlang term as `io_lib` prints it (`{<<"x-expires">>,short,500}`); undefined where it is none. Never throws. */
export function parseTerm(text: string): Json | undefined {
  if (text.length === 0 || text.length > maxLength) return undefined
  try {
    const reader = new TermReader(text)
    const term = reader.term(0)
    return reader.isAtEnd() ? term : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const number = /[+-]?\d+(?:\.\d+(?:[eE][+-]?\d+)?)?/y
const atom = /[a-z][\w@]*/y
const pid = /<[\w@.-]+>|#(?:Ref|Port|Fun)<[^>]*>/y
const space = /\s*/y

class TermReader {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  isAtEnd(): boolean {
    this.#take(space)
    return this.#at === this.#text.length
  }

  /** Tuples and lists become arrays, atoms and binaries text, maps objects. */
  term(depth: number): Json {
    if (depth > maxDepth) throw new Malformed()
    this.#take(space)
    if (this.#skip('{')) return this.#items('}', depth)
    if (this.#skip('[')) return this.#items(']', depth)
    if (this.#skip('#{')) return this.#map(depth)
    if (this.#skip('<<')) return this.#binary()
    if (this.#skip('"')) return this.#quoted('"')
    if (this.#skip("'")) return this.#quoted("'")
    const digits = this.#take(number)
    if (digits !== undefined) return Number(digits)
    const name = this.#take(atom) ?? this.#take(pid)
    if (name === undefined) throw new Malformed()
    return name === 'true' ? true : name === 'false' ? false : name
  }

  #items(end: string, depth: number): Json[] {
    const items: Json[] = []
    this.#take(space)
    if (this.#skip(end)) return items
    for (;;) {
      items.push(this.term(depth + 1))
      this.#take(space)
      if (this.#skip(end)) return items
      // An improper list's tail is one more item to a reader.
      if (!this.#skip(',') && !(end === ']' && this.#skip('|'))) throw new Malformed()
    }
  }

  #map(depth: number): Json {
    const entries: Array<[string, Json]> = []
    this.#take(space)
    if (this.#skip('}')) return {}
    for (;;) {
      const key = this.term(depth + 1)
      this.#take(space)
      if (!this.#skip('=>')) throw new Malformed()
      entries.push([typeof key === 'string' ? key : JSON.stringify(key), this.term(depth + 1)])
      this.#take(space)
      if (this.#skip('}')) return Object.fromEntries(entries)
      if (!this.#skip(',')) throw new Malformed()
    }
  }

  /** `<<"text">>`, `<<"text"/utf8>>` or `<<1,2,3>>`. */
  #binary(): Json {
    if (this.#skip('>>')) return ''
    if (this.#skip('"')) {
      const text = this.#quoted('"')
      this.#skip('/utf8')
      if (!this.#skip('>>')) throw new Malformed()
      return text
    }
    const bytes: number[] = []
    for (;;) {
      const byte = Number(this.#take(number) ?? Number.NaN)
      if (!(byte >= 0 && byte <= 255)) throw new Malformed()
      bytes.push(byte)
      if (this.#skip('>>')) return Buffer.from(bytes).toString('utf8')
      if (!this.#skip(',')) throw new Malformed()
    }
  }

  #quoted(end: string): string {
    let text = ''
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === undefined) throw new Malformed()
      if (char === end) return text
      text += char === '\\' ? this.#escape() : char
    }
  }

  #escape(): string {
    const char = this.#text[this.#at++]
    if (char === undefined) throw new Malformed()
    if (char === 'x' && this.#skip('{')) {
      const close = this.#text.indexOf('}', this.#at)
      const code = Number.parseInt(this.#text.slice(this.#at, close), 16)
      if (close < 0 || !(code >= 0 && code <= 0x10ffff)) throw new Malformed()
      this.#at = close + 1
      return String.fromCodePoint(code)
    }
    return ({ n: '\n', t: '\t', r: '\r' } as Readonly<Record<string, string>>)[char] ?? char
  }

  #skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    return found
  }
}
