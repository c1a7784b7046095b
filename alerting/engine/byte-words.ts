/** Finds words in bytes, thousands at once, by looking at one place in several. */
export interface ByteWords {
  /** Writes the indices of the words that stand in the bytes to `found`, maybe more than once; answers how many. */
  find(bytes: Uint8Array, found: Int32Array): number
}

/** Makes one of ASCII's two cases of a letter; what else it confuses is harmless, since the answer is asked again. */
const lowerCase = 0x20202020
const scramble = 0x9e3779b1
const maxStep = 8
const bitsPerGram = 64
const maxBits = 23

/** Words from this length on are looked for by pieces of this size: the shorter the piece, the more places hold one. */
const groups = [
  { from: 8, size: 4 },
  { from: 5, size: 3 },
  { from: 2, size: 2 },
] as const

/**
 * A word of `n` bytes holds `n - 3` pieces of four. Of these as many neighbours as fit the group's shortest word are kept
 * in one bitmap, and the text is asked at every so manieth place: a word cannot stand between. Of a word's pieces the
 * rarest among all words are taken.
 */
export function createByteWords(words: readonly Uint8Array[]): ByteWords {
  const passes = groups.flatMap(({ from, size }, group) => {
    const below = groups[group - 1]?.from ?? Number.POSITIVE_INFINITY
    const own = words.flatMap(({ length }, index) => (length >= from && length < below ? [index] : []))
    return own.length === 0 ? [] : [createPass(words, own, size)]
  })
  return {
    find(bytes, found) {
      let count = 0
      for (const pass of passes) count = pass(bytes, found, count)
      return count
    },
  }
}

type Pass = (bytes: Uint8Array, found: Int32Array, count: number) => number

function createPass(words: readonly Uint8Array[], own: readonly number[], size: number): Pass {
  const shortest = own.reduce((least, index) => Math.min(least, (words[index] as Uint8Array).length), maxStep + size)
  const step = Math.min(maxStep, shortest - size + 1)
  const table = createTable(words, own, size, step)
  const next = size === 2 ? nextPair : nextGram
  const mask = size === 4 ? -1 : 0xffffff
  return (bytes, found, before) => {
    const { bits, shift } = table
    let count = before
    let at = 0
    for (at = next(bytes, at, step, bits, shift, mask); at <= bytes.length - size; ) {
      count = table.verify(bytes, at, gramOf(bytes, at, size), found, count)
      at = next(bytes, at + step, step, bits, shift, mask)
    }
    return count
  }
}

/**
 * The first place from `from` on, in steps, that may hold a piece; past the end where there is none. Of the last four bytes
 * every place is answered. A function of its own: the hottest loop of all, which must do nothing else.
 */
function nextGram(
  bytes: Uint8Array,
  from: number,
  step: number,
  bits: Int32Array,
  shift: number,
  mask: number,
): number {
  const last = bytes.length - 4
  let at = from
  for (; at <= last; at += step) {
    const gram =
      (((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) &
        mask) |
      0x20202020
    const hash = Math.imul(gram, 0x9e3779b1) >>> shift
    if (((bits[hash >>> 5] as number) & (1 << hash)) !== 0) break
  }
  return at
}

/** The same for pieces of two bytes, which need no more than a bit each. */
function nextPair(bytes: Uint8Array, from: number, step: number, bits: Int32Array): number {
  const last = bytes.length - 2
  let at = from
  for (; at <= last; at += step) {
    const pair = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | 0x2020
    if (((bits[pair >>> 5] as number) & (1 << pair)) !== 0) break
  }
  return at
}

interface Table {
  readonly bits: Int32Array
  readonly shift: number
  verify(bytes: Uint8Array, at: number, gram: number, found: Int32Array, count: number): number
}

function createTable(words: readonly Uint8Array[], own: readonly number[], size: number, step: number): Table {
  const entries = own.length * step
  const bitCount = Math.min(maxBits, Math.max(16, Math.ceil(Math.log2(entries * bitsPerGram))))
  const shift = 32 - bitCount
  const bits = new Int32Array(2 ** (bitCount - 5))
  const chainShift = 32 - Math.max(8, Math.ceil(Math.log2(entries * 2)))
  const heads = new Int32Array(2 ** (32 - chainShift)).fill(-1)
  const chains = new Int32Array(entries * 4)
  const folded = words.map((word) => Uint8Array.from(word, (byte) => byte | 0x20))
  const rarest = createRarest(folded, own, size, step)
  let entry = 0
  for (const index of own) {
    const from = rarest(index)
    for (let offset = from; offset < from + step; offset++, entry += 4) {
      const gram = gramOf(folded[index] as Uint8Array, offset, size)
      const bit = size === 2 ? gram & 0xffff : Math.imul(gram, scramble) >>> shift
      bits[bit >>> 5] = (bits[bit >>> 5] as number) | (1 << bit)
      const head = Math.imul(gram, scramble) >>> chainShift
      chains[entry] = gram
      chains[entry + 1] = index
      chains[entry + 2] = offset
      chains[entry + 3] = heads[head] as number
      heads[head] = entry
    }
  }
  return { bits, shift, verify: createVerify(heads, chains, chainShift, new Texts(folded, own)) }
}

/** Of a chain's entry: piece, word, offset in it and next entry stand together, since each look into memory costs more than the comparison. */
function createVerify(heads: Int32Array, chains: Int32Array, shift: number, texts: Texts): Table['verify'] {
  return (bytes, at, gram, found, before) => {
    let count = before
    let entry = heads[Math.imul(gram, scramble) >>> shift] as number
    for (; entry >= 0; entry = chains[entry + 3] as number) {
      if (chains[entry] !== gram || count === found.length) continue
      const word = chains[entry + 1] as number
      const from = at - (chains[entry + 2] as number)
      if (from >= 0 && texts.standsAt(bytes, from, word)) found[count++] = word
    }
    return count
  }
}

/** Some of the words, one behind the other. */
class Texts {
  readonly #bytes: Uint8Array
  /** By word: where it begins and where it ends. */
  readonly #ends: Int32Array

  constructor(folded: readonly Uint8Array[], own: readonly number[]) {
    this.#bytes = Buffer.concat(own.map((index) => folded[index] as Uint8Array))
    this.#ends = new Int32Array(folded.length * 2)
    let at = 0
    for (const index of own) {
      this.#ends[index * 2] = at
      at += (folded[index] as Uint8Array).length
      this.#ends[index * 2 + 1] = at
    }
  }

  standsAt(bytes: Uint8Array, from: number, word: number): boolean {
    const begin = this.#ends[word * 2] as number
    const { length } = bytes
    const size = (this.#ends[word * 2 + 1] as number) - begin
    if (from + size > length) return false
    const folded = this.#bytes
    for (let index = 0; index < size; index++)
      if (((bytes[from + index] as number) | 0x20) !== folded[begin + index]) return false
    return true
  }
}

function gramOf(bytes: Uint8Array, offset: number, size: number): number {
  let gram = 0
  for (let index = size - 1; index >= 0; index--) gram = (gram << 8) | (bytes[offset + index] as number)
  return gram | lowerCase
}

/** What stands in nearly every event tells nothing. */
const everywhere = Buffer.from(
  '{"@timestamp":"2026-11-24t12:00:00.000z","event":{"id":"","dataset":"rabbitmq.log","action":"","outcome":"success"},' +
    '"message":"","log":{"level":"info","file":{"path":"/var/log/rabbitmq/rabbit@"},"offset":},"host":{"name":""},' +
    '"service":{"type":"rabbitmq","name":"","node":{"name":"rabbit@"}},"agent":{"id":"","version":"0.1.0"},' +
    '"user":{"name":""},"source":{"ip":"","port":},"client":{"name":""},"amqp":{"operation":""},' +
    '"rabbitmq":{"vhost":"/","exchange":"","queue":"","connection":" -> ","channel":',
  'latin1',
)
const everywhereWeight = 1000
const countBits = 18

/** Where the `step` neighbouring pieces of a word begin that the fewest words have. */
function createRarest(
  folded: readonly Uint8Array[],
  own: readonly number[],
  size: number,
  step: number,
): (word: number) => number {
  const counts = new Int32Array(2 ** countBits)
  const place = (gram: number) => Math.imul(gram, scramble) >>> (32 - countBits)
  const count = (text: Uint8Array, weight: number) => {
    for (let offset = 0; offset + size <= text.length; offset++) {
      const at = place(gramOf(text, offset, size))
      counts[at] = (counts[at] as number) + weight
    }
  }
  count(
    Uint8Array.from(everywhere, (byte) => byte | 0x20),
    everywhereWeight,
  )
  for (const index of own) count(folded[index] as Uint8Array, 1)
  return (index) => {
    const word = folded[index] as Uint8Array
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (let from = 0; from + step + size - 1 <= Math.min(word.length, 64); from++) {
      let sum = 0
      for (let offset = from; offset < from + step; offset++) sum += counts[place(gramOf(word, offset, size))] as number
      if (sum >= least) continue
      least = sum
      best = from
    }
    return best
  }
}
