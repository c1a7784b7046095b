import { createRowScan, type RowWatch } from './digit-rows.ts'

/** One question about a line's bytes. Most pairs of neighbouring bytes cannot say yes to it: they are passed over. */
export interface Watch {
  /** Is a pair of neighbours worth a look? */
  readonly concerns: (first: number, second: number) => boolean
  /** Looks at the pair at `index`, and at what is around it in [start, end). True is a yes. */
  readonly look: (bytes: Uint8Array, start: number, index: number, end: number) => boolean
  /** Pairs that are worth a look only where the pair before ends so; two such conditions at most. */
  readonly behind?: readonly Behind[]
  readonly rows?: RowWatch
}

export interface Behind {
  readonly endsWith: (byte: number) => boolean
  readonly concerns: (first: number, second: number) => boolean
}

export type PairScan = (bytes: Uint8Array, start: number, end: number) => number

const first = 1
const second = 2
/** Beside the watches' bits: a byte that JSON text does not take as it is. */
export const needsEscape = 4
const isEscaped = (byte: number) => byte < 0x20 || byte === 0x22 || byte === 0x5c || byte >= 0x80
/** The bits of a yes of the second. */
const all = first | second | needsEscape
/** A pair's conditions: it is worth a look behind one that has the same bit two places up. */
const behindBits = [8, 16] as const
const anyBehind = 8 | 16
const places = 2

/**
 * Asks two watches in one pass over a range of bytes, two bytes a step: a yes of the first is bit 1, of the second bit 2.
 * The second's yes ends the pass, with all bits set; only the second's rows and conditions are looked at.
 */
export function createPairScan(watches: readonly [Watch, Watch]): PairScan {
  const [{ look: lookFirst }, { look: lookSecond, rows }] = watches
  const table = tableOf(watches)
  const hasRow = rows && createRowScan(rows)
  const memory = new PairMemory()
  return (given, from, to) => {
    let bytes = given
    let start = from
    let end = to
    if (!memory.hold(bytes, end)) {
      // The memory's last, odd byte has no neighbour: a copy has.
      bytes = new Uint8Array(end - start + 2)
      bytes.set(given.subarray(start, end))
      end -= start
      start = 0
      memory.hold(bytes, end)
    }
    const { words, shift } = memory
    let found = 0
    let before = 0
    const last = (shift + end - 1) >> 1
    for (let place = (shift + start) >> 1; place <= last; place++) {
      // Most pairs are worth no look, nor are their neighbours: two a step are passed over.
      while (place < last) {
        const one = table[words[place] as number] as number
        const two = table[words[place + 1] as number] as number
        if ((((one | two) & all) | ((((before >> places) & one) | ((one >> places) & two)) & anyBehind)) !== 0) break
        before = two
        place += 2
      }
      if (place > last) break
      const bits = table[words[place] as number] as number
      const hit = (bits & all) | ((before >> places) & bits & anyBehind)
      before = bits
      if (hit === 0) continue
      const index = 2 * place - shift
      if ((hit & ~(first | needsEscape)) !== 0 && lookSecond(bytes, start, index, end)) return all
      if ((hit & first) !== 0 && (found & first) === 0 && lookFirst(bytes, start, index, end)) found |= first
      if ((hit & needsEscape) !== 0 && isEscapedAt(bytes, start, index, end)) found |= needsEscape
    }
    return hasRow?.(bytes, start, end) === true ? all : found
  }
}

/** The bytes seen as pairs: the view is kept as long as the bytes are the same. */
class PairMemory {
  #bytes: Uint8Array | undefined
  words: Uint16Array = new Uint16Array(0)
  /** Where in the words' memory the bytes begin. */
  shift = 0

  /** False where the pairs do not reach to `end`. */
  hold(bytes: Uint8Array, end: number): boolean {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes
      this.shift = bytes.byteOffset
      this.words = new Uint16Array(bytes.buffer, 0, bytes.buffer.byteLength >> 1)
    }
    return this.shift + end <= 2 * this.words.length
  }
}

function isEscapedAt(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  if (index >= start && isEscaped(bytes[index] as number)) return true
  return index + 1 < end && isEscaped(bytes[index + 1] as number)
}

/** Which of a pair's bytes stands first in memory is the processor's choice. */
const isLowFirst = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** What two bytes, read as one number, are worth. Each start waits for it: what one byte alone decides is asked once a byte. */
function tableOf([one, other]: readonly [Watch, Watch]): Uint8Array {
  const table = new Uint8Array(1 << 16)
  const escapes = Uint8Array.from({ length: 256 }, (_, byte) => (isEscaped(byte) ? needsEscape : 0))
  const ends = Uint8Array.from({ length: 256 }, (_, byte) => endsOf(other, byte))
  for (let low = 0; low < 256; low++) {
    for (let high = 0; high < 256; high++) {
      table[isLowFirst ? high * 256 + low : low * 256 + high] =
        (one.concerns(low, high) ? first : 0) |
        (other.concerns(low, high) ? second : 0) |
        (escapes[low] as number) |
        (escapes[high] as number) |
        (ends[high] as number) |
        behindOf(other, low, high)
    }
  }
  return table
}

function endsOf({ behind = [] }: Watch, byte: number): number {
  let bits = 0
  for (let index = 0; index < behind.length; index++)
    if (behind[index]?.endsWith(byte) === true) bits |= (behindBits[index] ?? 0) << places
  return bits
}

function behindOf({ behind = [] }: Watch, low: number, high: number): number {
  let bits = 0
  for (let index = 0; index < behind.length; index++)
    if (behind[index]?.concerns(low, high) === true) bits |= behindBits[index] ?? 0
  return bits
}

const nothing: Watch = { concerns: () => false, look: () => false }

/** The same for one watch. */
export function createScan(watch: Watch): (bytes: Uint8Array, start: number, end: number) => boolean {
  const scan = createPairScan([nothing, watch])
  return (bytes, start, end) => (scan(bytes, start, end) & second) !== 0
}
