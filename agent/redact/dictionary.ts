import type { Detector } from './detector.ts'

/**
 * All words of a dictionary in one pass over the text (Aho-Corasick), whatever their number. Letters A to Z match in
 * either case; a word of ASCII letters matches whole words only, others anywhere: 김철수 stands before 님.
 */
export function createDictionary(name: string, words: readonly string[], replace: string): Dictionary {
  const automaton = new Automaton(words)
  // The same words as UTF-8, a byte a character: for a look at bytes that need not become a text.
  const ofBytes = new Automaton(words.map((word) => Buffer.from(word).toString('latin1')))
  return {
    name,
    find: (text) => automaton.find(text).map((span) => ({ ...span, replace })),
    mayHit: (bytes, start, end) => ofBytes.isIn(bytes, start, end),
  }
}

export interface Dictionary extends Detector {
  /** Is any word there, be it within a longer one? False is a promise. */
  mayHit(bytes: Uint8Array, start: number, end: number): boolean
}

const fold = (code: number) => (code >= 65 && code <= 90 ? code + 32 : code)
const isWordCode = (code: number) =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95

/** States are numbers from 0, the root; edges stand in one open-addressed table, so that 20,000 words stay small. */
class Automaton {
  #mask = 1023
  #fromState = new Int32Array(1024).fill(-1)
  #byCode = new Uint16Array(1024)
  #toState = new Int32Array(1024)
  #edges = 0
  #states = 1
  /** The longest word that ends in the state; 0 for none. */
  readonly #length: Int32Array
  readonly #fail: Int32Array
  readonly #rootTo = new Int32Array(65_536)

  constructor(words: readonly string[]) {
    const capacity = words.reduce((sum, word) => sum + word.length, 1)
    this.#length = new Int32Array(capacity)
    this.#fail = new Int32Array(capacity)
    for (const word of words) this.#add(word)
    this.#link()
  }

  #add(word: string): void {
    let state = 0
    for (let index = 0; index < word.length; index++) {
      const code = fold(word.charCodeAt(index))
      let next = this.#edge(state, code)
      if (next === -1) {
        next = this.#states++
        this.#put(state, code, next)
      }
      state = next
    }
    if (state !== 0) this.#length[state] = word.length
  }

  /** Breadth first: a state's fallback is known before its children's. */
  #link(): void {
    const children = new Map<number, Array<readonly [number, number]>>()
    for (let slot = 0; slot <= this.#mask; slot++) {
      const from = this.#fromState[slot] as number
      if (from === -1) continue
      const edge = [this.#byCode[slot] as number, this.#toState[slot] as number] as const
      const known = children.get(from)
      if (known) known.push(edge)
      else children.set(from, [edge])
    }
    const queue: number[] = []
    for (const [code, to] of children.get(0) ?? []) {
      this.#rootTo[code] = to
      queue.push(to)
    }
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head] as number
      for (const [code, to] of children.get(state) ?? []) {
        const fallback = this.#step(this.#fail[state] as number, code)
        this.#fail[to] = fallback
        this.#length[to] ||= this.#length[fallback] as number
        queue.push(to)
      }
    }
  }

  #step(from: number, code: number): number {
    for (let state = from; state !== 0; state = this.#fail[state] as number) {
      const next = this.#edge(state, code)
      if (next !== -1) return next
    }
    return this.#rootTo[code] as number
  }

  find(text: string): Array<{ start: number; end: number }> {
    const spans: Array<{ start: number; end: number }> = []
    let state = 0
    for (let index = 0; index < text.length; index++) {
      state = this.#step(state, fold(text.charCodeAt(index)))
      // The word itself may not stand alone while a shorter one that ends here does.
      for (let at = state; at !== 0 && this.#length[at] !== 0; at = this.#fail[at] as number) {
        const end = index + 1
        const start = end - (this.#length[at] as number)
        if (!standsAlone(text, start, end)) continue
        // A longer word swallows the shorter ones it begins with or contains.
        while ((spans.at(-1)?.start ?? -1) >= start) spans.pop()
        const last = spans.at(-1)
        if (last && last.end > start) last.end = end
        else spans.push({ start, end })
        break
      }
    }
    return spans
  }

  isIn(bytes: Uint8Array, start: number, end: number): boolean {
    let state = 0
    for (let index = start; index < end; index++) {
      const code = fold(bytes[index] as number)
      state = state === 0 ? (this.#rootTo[code] as number) : this.#step(state, code)
      if (state !== 0 && this.#length[state] !== 0) return true
    }
    return false
  }

  #slot(state: number, code: number): number {
    let slot = (Math.imul(state, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b)) & this.#mask
    while (this.#fromState[slot] !== -1 && !(this.#fromState[slot] === state && this.#byCode[slot] === code))
      slot = (slot + 1) & this.#mask
    return slot
  }

  #edge(state: number, code: number): number {
    const slot = this.#slot(state, code)
    return this.#fromState[slot] === -1 ? -1 : (this.#toState[slot] as number)
  }

  #put(state: number, code: number, to: number): void {
    if (++this.#edges * 2 > this.#mask) this.#grow()
    const slot = this.#slot(state, code)
    this.#fromState[slot] = state
    this.#byCode[slot] = code
    this.#toState[slot] = to
  }

  #grow(): void {
    const [from, codes, to] = [this.#fromState, this.#byCode, this.#toState]
    const size = from.length * 4
    this.#mask = size - 1
    this.#fromState = new Int32Array(size).fill(-1)
    this.#byCode = new Uint16Array(size)
    this.#toState = new Int32Array(size)
    for (let old = 0; old < from.length; old++) {
      if (from[old] === -1) continue
      const slot = this.#slot(from[old] as number, codes[old] as number)
      this.#fromState[slot] = from[old] as number
      this.#byCode[slot] = codes[old] as number
      this.#toState[slot] = to[old] as number
    }
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const [first, last] = [text.charCodeAt(start), text.charCodeAt(end - 1)]
  if (isWordCode(first) && start > 0 && isWordCode(text.charCodeAt(start - 1))) return false
  return !(isWordCode(last) && end < text.length && isWordCode(text.charCodeAt(end)))
}
