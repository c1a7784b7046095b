import { isAscii } from 'node:buffer'
import { scannedCharacters } from '../rules/predicate.ts'
import type { Rule } from '../rules/rule.ts'
import { foldText } from '../rules/text.ts'
import { type ByteWords, createByteWords } from './byte-words.ts'
import { entryOf, gatesOf, popularityOf } from './gate.ts'

/** Which of a topic's rules an event may concern. What it leaves out certainly does not take the event. */
export interface Network {
  /** By the bytes alone, before they are parsed; undefined where these do not show it. The array is used again by the next call. */
  ofBytes(bytes: Uint8Array): readonly number[] | undefined
  /** By the event. */
  ofEvent(event: unknown): readonly number[]
}

/** Words found in one event at most; where there are more, every rule is asked. */
const maxFound = 4096
/** Further gates of a rule with more words than this are not asked. */
const maxFurtherWords = 64
const maxMark = 0x7fffffff

/** All rules of a topic in one: the texts without which none takes an event, looked for in its bytes at once. */
export function createNetwork(rules: readonly Rule[]): Network {
  const entries = rules.map(entryOf)
  const popularity = popularityOf(entries)
  const words = new Map<string, number>()
  const idOf = (word: string) => {
    const known = words.get(word)
    if (known !== undefined) return known
    words.set(word, words.size)
    return words.size - 1
  }
  const always: number[] = []
  /** By word: the rules that it brings forward. */
  const brings: number[][] = []
  /** By rule: of each of these lists a word must stand there as well. */
  const further = entries.map((entry, rule): ReadonlyArray<readonly number[]> => {
    const [first, ...rest] = gatesOf(entry, popularity)
    if (!first) always.push(rule)
    for (const word of first ?? []) (brings[idOf(word)] ??= []).push(rule)
    return rest.filter(({ length }) => length <= maxFurtherWords).map((gate) => gate.map(idOf))
  })
  return new WordNetwork([...words.keys()], brings, further, always)
}

class WordNetwork implements Network {
  readonly #words: ByteWords
  readonly #brings: ReadonlyArray<readonly number[] | undefined>
  readonly #further: ReadonlyArray<ReadonlyArray<readonly number[]>>
  readonly #always: readonly number[]
  readonly #found = new Int32Array(maxFound)
  readonly #wordMarks: Int32Array
  readonly #ruleMarks: Int32Array
  /** By word: the rule, where it brings but one and that asks for no further word; else -1. */
  readonly #only: Int32Array
  readonly #one = [0]
  #mark = 0

  constructor(
    words: readonly string[],
    brings: ReadonlyArray<readonly number[] | undefined>,
    further: ReadonlyArray<ReadonlyArray<readonly number[]>>,
    always: readonly number[],
  ) {
    this.#words = createByteWords(words.map((word) => Buffer.from(word)))
    this.#brings = brings
    this.#further = further
    this.#always = always
    this.#wordMarks = new Int32Array(words.length)
    this.#ruleMarks = new Int32Array(further.length)
    this.#only = Int32Array.from(words, (_, word) => {
      const [rule, another] = brings[word] ?? []
      return rule === undefined || another !== undefined || further[rule]?.length !== 0 ? -1 : rule
    })
  }

  ofBytes(bytes: Uint8Array): readonly number[] | undefined {
    return isAsItIs(bytes) ? this.#candidates(bytes) : undefined
  }

  ofEvent(event: unknown): readonly number[] {
    const text = JSON.stringify(event)
    const scanned = text.length > scannedCharacters ? JSON.stringify(event, shortened) : text
    return this.#candidates(Buffer.from(foldText(scanned)))
  }

  #candidates(bytes: Uint8Array): readonly number[] {
    const count = this.#words.find(bytes, this.#found)
    if (count === 0) return this.#always
    if (count === 1 && this.#always.length === 0) {
      // Most events that concern a rule concern one.
      const rule = this.#only[this.#found[0] as number] as number
      if (rule >= 0) {
        this.#one[0] = rule
        return this.#one
      }
    }
    if (count === maxFound) return this.#further.map((_, rule) => rule)
    const mark = this.#nextMark()
    for (let index = 0; index < count; index++) this.#wordMarks[this.#found[index] as number] = mark
    const candidates = this.#always.slice()
    for (let index = 0; index < count; index++) {
      for (const rule of this.#brings[this.#found[index] as number] ?? []) {
        if (this.#ruleMarks[rule] === mark) continue
        this.#ruleMarks[rule] = mark
        if (this.#passes(rule, mark)) candidates.push(rule)
      }
    }
    return candidates.length > 1 ? candidates.sort((a, b) => a - b) : candidates
  }

  #nextMark(): number {
    if (this.#mark === maxMark) {
      this.#wordMarks.fill(0)
      this.#ruleMarks.fill(0)
      this.#mark = 0
    }
    return ++this.#mark
  }

  #passes(rule: number, mark: number): boolean {
    for (const gate of this.#further[rule] ?? []) if (!gate.some((word) => this.#wordMarks[word] === mark)) return false
    return true
  }
}

/** What `ends` may ask for stands behind what is scanned of a long text. */
const endCharacters = 4096

/** Folding a mebibyte would take longer than all else: of a long text no test looks at more than its beginning and its end. */
function shortened(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= scannedCharacters + endCharacters) return value
  return `${value.slice(0, scannedCharacters)}\n${value.slice(-endCharacters)}`
}

const backslash = 92

/**
 * Do texts stand in the bytes as they are, but for ASCII's cases? Not where a character may be written as `\u` or `\/`,
 * and not where composing or folding could change one: beside ASCII only Hangul syllables and Han are taken.
 */
function isAsItIs(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(backslash); at >= 0; at = bytes.indexOf(backslash, at + 2)) {
    const next = bytes[at + 1]
    if (next === 0x75 || next === 0x2f) return false
  }
  return isAscii(bytes) || isHangulOrHan(bytes)
}

function isHangulOrHan(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte < 0x80) continue
    const second = bytes[++at] ?? 0
    // U+4000 to U+9FFF and U+AC00 to U+D7FF: between them are letters with two cases, after them halves of characters.
    if (byte < 0xe4 || byte > 0xed || (byte === 0xea && second < 0xb0) || (byte === 0xed && second > 0x9f)) return false
    if ((second & 0xc0) !== 0x80 || ((bytes[++at] ?? 0) & 0xc0) !== 0x80) return false
  }
  return true
}
