import { isAscii } from 'node:buffer'
import { fieldValue, fieldValues } from '../rules/field.ts'
import { scannedCharacters } from '../rules/predicate.ts'
import type { Rule } from '../rules/rule.ts'
import { foldText, plainAddress } from '../rules/text.ts'
import { type Automaton, createAutomaton } from '../rules/words.ts'
import { entryOf, type Gate, gatesOf, popularityOf } from './gate.ts'

/** Which of a topic's rules an event may concern. What it leaves out certainly does not take the event. */
export interface Network {
  /** Indices into the rules, ascending. The array is used again by the next call. */
  candidates(event: unknown): readonly number[]
  /** False where the bytes alone show that no rule is concerned. */
  mayConcern(bytes: Uint8Array): boolean
}

interface ValueIndex {
  readonly path: readonly string[]
  readonly rules: Map<string, number[]>
}

interface TextIndex {
  readonly path: readonly string[]
  readonly automaton: Automaton
  /** By word. */
  readonly rules: ReadonlyArray<readonly number[]>
}

/** All rules of a topic in one: equality by hash, texts by one automaton a field, bytes before they are parsed. */
export function createNetwork(rules: readonly Rule[]): Network {
  const entries = rules.map(entryOf)
  const popularity = popularityOf(entries)
  const gates = entries.map((entry) => gatesOf(entry, popularity))
  const always = gates.flatMap((gate, index) => (gate ? [] : [index]))
  const values = indexValues(gates)
  const texts = indexTexts(gates)
  const mayConcern = always.length > 0 ? () => true : bytesGate(gates.flatMap((gate) => gate ?? []))
  const marks = new Uint32Array(rules.length)
  let mark = 0
  let found: number[] = []
  const add = (index: number) => {
    if (marks[index] === mark) return
    marks[index] = mark
    found.push(index)
  }
  const look = (index: ValueIndex, value: unknown) => {
    if (typeof value === 'string') index.rules.get(foldText(plainAddress(value)))?.forEach(add)
  }
  const scan = ({ automaton, rules: byWord }: TextIndex, value: unknown) => {
    if (typeof value !== 'string') return
    const text = foldText(value.length > scannedCharacters ? value.slice(0, scannedCharacters) : value)
    automaton.each(Buffer.from(text), (word) => {
      byWord[word]?.forEach(add)
      return false
    })
  }
  return {
    mayConcern,
    candidates(event) {
      found = [...always]
      mark++
      for (const index of always) marks[index] = mark
      for (const index of values) forEachValue(event, index.path, (value) => look(index, value))
      for (const index of texts) forEachValue(event, index.path, (value) => scan(index, value))
      return found.length > 1 ? found.sort((a, b) => a - b) : found
    },
  }
}

function forEachValue(event: unknown, path: readonly string[], use: (value: unknown) => void): void {
  const first = fieldValue(event, path)
  if (first === undefined) return
  const all = fieldValues(event, path)
  if (all.length === 1) use(first)
  else all.forEach(use)
}

function indexValues(gates: ReadonlyArray<readonly Gate[] | undefined>): ValueIndex[] {
  const indexes = new Map<string, ValueIndex>()
  gates.forEach((of, rule) => {
    for (const { kind, path, words } of of ?? []) {
      if (kind !== 'is') continue
      const name = path.join('.')
      let index = indexes.get(name)
      if (!index) indexes.set(name, (index = { path, rules: new Map() }))
      for (const word of words) index.rules.set(word, [...(index.rules.get(word) ?? []), rule])
    }
  })
  return [...indexes.values()]
}

function indexTexts(gates: ReadonlyArray<readonly Gate[] | undefined>): TextIndex[] {
  const fields = new Map<string, { path: readonly string[]; words: Map<string, number[]> }>()
  gates.forEach((of, rule) => {
    for (const { kind, path, words } of of ?? []) {
      if (kind !== 'text') continue
      const name = path.join('.')
      let field = fields.get(name)
      if (!field) fields.set(name, (field = { path, words: new Map() }))
      for (const word of words) field.words.set(word, [...(field.words.get(word) ?? []), rule])
    }
  })
  return [...fields.values()].map(({ path, words }) => ({
    path,
    automaton: createAutomaton([...words.keys()].map((word) => Buffer.from(word))),
    rules: [...words.values()],
  }))
}

const backslash = 92
/** Where fewer than one in so many events is told apart by its bytes, looking at them is not worth it for a while. */
const sampleSize = 1024
const leastRejected = sampleSize / 4
const restSize = 32 * sampleSize

/**
 * One automaton over the bytes for every word of every gate. Only plain ASCII without escapes is decided so: there the
 * words stand in the bytes as they are, in whatever case.
 */
function bytesGate(gates: readonly Gate[]): (bytes: Uint8Array) => boolean {
  const words = [...new Set(gates.flatMap((gate) => gate.words))]
  // A word with a quote, a backslash or a control character stands escaped in the bytes; an empty one is nowhere.
  if (words.some((word) => word === '' || JSON.stringify(word).length !== word.length + 2)) return () => true
  const ascii = words.filter((word) => /^[\x20-\x7e]+$/.test(word)).map((word) => Buffer.from(word.toLowerCase()))
  const automaton = createAutomaton(ascii, (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte))
  let looked = 0
  let rejected = 0
  let resting = 0
  return (bytes) => {
    if (resting > 0) {
      resting--
      return true
    }
    const isDecided = isAscii(bytes) && !bytes.includes(backslash) && automaton.first(bytes) < 0
    if (isDecided) rejected++
    if (++looked === sampleSize) {
      if (rejected < leastRejected) resting = restSize
      looked = 0
      rejected = 0
    }
    return !isDecided
  }
}
