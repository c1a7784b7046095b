/** Few words are found one by one; many by one automaton. */
const automatonFrom = 8

/** Does a text hold any of the words? Both sides are folded already. */
export function wordScanner(words: readonly string[]): (text: string) => boolean {
  if (words.length < automatonFrom) return (text) => words.some((word) => text.includes(word))
  const automaton = createAutomaton(words.map((word) => Buffer.from(word)))
  return (text) => automaton.first(Buffer.from(text)) >= 0
}

export interface Automaton {
  /** Index of a word that ends first in the bytes, or -1. */
  first(bytes: Uint8Array): number
  /** Calls `found` with the index of every word, each time it ends. Stops where it answers true. */
  each(bytes: Uint8Array, found: (word: number) => boolean): void
}

/**
 * Aho and Corasick's automaton over bytes, flattened to one table: one look-up a byte, however many words. `fold` maps
 * each byte before it is looked at.
 */
export function createAutomaton(
  words: readonly Uint8Array[],
  fold: (byte: number) => number = (byte) => byte,
): Automaton {
  const { classOf, width } = byteClasses(words, fold)
  const capacity = words.reduce((sum, word) => sum + word.length, 1)
  const next = new Int32Array(capacity * width)
  const output = new Int32Array(capacity).fill(-1)
  const sameEnd = new Int32Array(words.length).fill(-1)
  let states = 1
  words.forEach((word, index) => {
    let state = 0
    for (const byte of word) {
      const at = state * width + (classOf[byte] as number)
      if (next[at] === 0) next[at] = states++
      state = next[at] as number
    }
    sameEnd[index] = output[state] as number
    output[state] = index
  })
  const outputLink = linkStates(next, output, states, width)
  return {
    first(bytes) {
      let state = 0
      for (let index = 0; index < bytes.length; index++) {
        state = next[state * width + (classOf[bytes[index] as number] as number)] as number
        const at = (output[state] as number) >= 0 ? state : (outputLink[state] as number)
        if (at > 0) return output[at] as number
      }
      return -1
    },
    each(bytes, found) {
      let state = 0
      for (let index = 0; index < bytes.length; index++) {
        state = next[state * width + (classOf[bytes[index] as number] as number)] as number
        for (
          let at = (output[state] as number) >= 0 ? state : (outputLink[state] as number);
          at > 0;
          at = outputLink[at] as number
        )
          for (let word = output[at] as number; word >= 0; word = sameEnd[word] as number) if (found(word)) return
      }
    },
  }
}

function byteClasses(
  words: readonly Uint8Array[],
  fold: (byte: number) => number,
): { classOf: Uint16Array; width: number } {
  const used = new Map<number, number>()
  for (const word of words) for (const byte of word) if (!used.has(fold(byte))) used.set(fold(byte), used.size + 1)
  const classOf = new Uint16Array(256)
  for (let byte = 0; byte < 256; byte++) classOf[byte] = used.get(fold(byte)) ?? 0
  return { classOf, width: used.size + 1 }
}

/** Fills the table's gaps breadth first; answers for each state the nearest suffix that ends a word, 0 = none. */
function linkStates(next: Int32Array, output: Int32Array, states: number, width: number): Int32Array {
  const fail = new Int32Array(states)
  const outputLink = new Int32Array(states)
  const queue = new Int32Array(states)
  let head = 0
  let tail = 0
  for (let cls = 0; cls < width; cls++) if (next[cls] !== 0) queue[tail++] = next[cls] as number
  while (head < tail) {
    const state = queue[head++] as number
    const back = fail[state] as number
    outputLink[state] = (output[back] as number) >= 0 ? back : (outputLink[back] as number)
    for (let cls = 0; cls < width; cls++) {
      const at = state * width + cls
      const child = next[at] as number
      if (child === 0) next[at] = next[back * width + cls] as number
      else {
        fail[child] = next[back * width + cls] as number
        queue[tail++] = child
      }
    }
  }
  return outputLink
}
