/** One question about a line's bytes. Most pairs of neighbouring bytes cannot say yes to it: they are passed over. */
export interface Watch {
  /** Is a pair of neighbours worth a look? */
  readonly concerns: (first: number, second: number) => boolean
  /**
   * Looks at the bytes from `at` to `to`, of which the last two are such a pair; what lies around them in [start, end) may
   * be looked at as well. -1 is a yes, else how far it has looked.
   */
  readonly look: (bytes: Uint8Array, start: number, at: number, to: number, end: number) => number
}

export type PairScan = (bytes: Uint8Array, start: number, end: number) => number

const first = 1
const second = 2
/** Beside the watches' bits: a byte that JSON text does not take as it is. */
export const needsEscape = 4

const isEscaped = (byte: number) => byte < 0x20 || byte === 0x22 || byte === 0x5c || byte >= 0x80

/**
 * Asks two watches in one pass over a range of bytes, two bytes a step: a yes of the first is bit 1, of the second bit 2.
 * The second's yes ends the pass, with all bits set. `second` may step over no byte that begins a pair of `first`'s.
 */
export function createPairScan(watches: readonly [Watch, Watch]): PairScan {
  const [{ look: lookFirst }, { look: lookSecond }] = watches
  const table = tableOf(watches)
  let known: Uint8Array | undefined
  let words: Uint16Array = new Uint16Array(0)
  let shift = 0
  return (given, from, to) => {
    let [bytes, start, end] = [given, from, to]
    if (known !== bytes) {
      known = bytes
      shift = bytes.byteOffset
      words = new Uint16Array(bytes.buffer, 0, bytes.buffer.byteLength >> 1)
    }
    if (shift + end > 2 * words.length) {
      // The memory's last, odd byte has no neighbour: a copy has.
      bytes = new Uint8Array(end - start + 2)
      bytes.set(given.subarray(start, end))
      ;[start, end] = [0, end - start]
      known = bytes
      shift = 0
      words = new Uint16Array(bytes.buffer, 0, bytes.length >> 1)
    }
    let found = 0
    let seen = start
    const last = (shift + end - 1) >> 1
    for (let place = (shift + start) >> 1; place <= last; place++) {
      const bits = table[words[place] as number] as number
      if (bits === 0) continue
      const index = 2 * place - shift
      if ((bits & first) !== 0 && (found & first) === 0 && lookFirst(bytes, start, index, index + 2, end) === -1)
        found |= first
      if ((bits & second) !== 0 && seen < index + 2) {
        const at = lookSecond(bytes, start, seen > index ? seen : index, index + 2, end)
        if (at === -1) return first | second | needsEscape
        seen = at
        if (at > index + 2) place = ((shift + at) >> 1) - 1
      }
      if (
        (bits & needsEscape) !== 0 &&
        ((index >= start && isEscaped(bytes[index] as number)) ||
          (index + 1 < end && isEscaped(bytes[index + 1] as number)))
      )
        found |= needsEscape
    }
    return found
  }
}

/** By two bytes as they stand in memory, the first the lower one: whose look they are worth. */
function tableOf([one, other]: readonly [Watch, Watch]): Uint8Array {
  const table = new Uint8Array(1 << 16)
  for (let pair = 0; pair < table.length; pair++) {
    const [low, high] = [pair & 255, pair >> 8]
    table[pair] =
      (one.concerns(low, high) ? first : 0) |
      (other.concerns(low, high) ? second : 0) |
      (isEscaped(low) || isEscaped(high) ? needsEscape : 0)
  }
  return table
}

const nothing: Watch = { concerns: () => false, look: (_bytes, _start, _at, to) => to }

/** The same for one watch. */
export function createScan(watch: Watch): (bytes: Uint8Array, start: number, end: number) => boolean {
  const scan = createPairScan([nothing, watch])
  return (bytes, start, end) => (scan(bytes, start, end) & second) !== 0
}
