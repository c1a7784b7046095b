/** One question about a line's bytes. Most pairs of neighbouring bytes cannot say yes to it: they are passed over. */
export interface Watch {
  /** Is a pair of neighbours worth a look? */
  readonly concerns: (first: number, second: number) => boolean
  /** Looks at the pair at `index`, and at what is around it in [start, end). True is a yes. */
  readonly look: (bytes: Uint8Array, start: number, index: number, end: number) => boolean
  /** Asks about rows of digits, between two of which stand up to three of ` -.()`, once one has so many digits. */
  readonly rows?: {
    /** Two or more. */
    readonly leastDigits: number
    /** Looks at the row whose first digit is at `index`: -1 is a yes, else the place of its last digit. */
    readonly look: (bytes: Uint8Array, start: number, index: number, end: number) => number
  }
}

export type PairScan = (bytes: Uint8Array, start: number, end: number) => number

const first = 1
const second = 2
/** Beside the watches' bits: a byte that JSON text does not take as it is. */
export const needsEscape = 4
const all = first | second | needsEscape
/** A pair's digits: both; the one beside a gap; the one that begins a row; the one that ends it. */
const twoDigits = 8
const oneDigit = 16
const rowBegins = 32
const rowEnds = 64
const anyDigit = twoDigits | oneDigit | rowBegins | rowEnds

const isEscaped = (byte: number) => byte < 0x20 || byte === 0x22 || byte === 0x5c || byte >= 0x80
const isDigit = (byte: number) => byte >= 48 && byte <= 57
const isGap = (byte: number) => byte === 32 || byte === 45 || byte === 46 || byte === 40 || byte === 41
const noPlace = -9

/**
 * Asks two watches in one pass over a range of bytes, two bytes a step: a yes of the first is bit 1, of the second bit 2.
 * The second's yes ends the pass, with all bits set; only the second's rows are looked at.
 */
export function createPairScan(watches: readonly [Watch, Watch]): PairScan {
  const [{ look: lookFirst }, { look: lookSecond, rows }] = watches
  const table = tableOf(watches)
  const leastDigits = rows?.leastDigits ?? Number.POSITIVE_INFINITY
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
    let digits = 0
    let digitPlace = noPlace
    let rowAt = 0
    let seen = start
    const last = (shift + end - 1) >> 1
    for (let place = (shift + start) >> 1; place <= last; place++) {
      const bits = table[words[place] as number] as number
      if (bits === 0) continue
      const index = 2 * place - shift
      if ((bits & all) !== 0) {
        if ((bits & first) !== 0 && (found & first) === 0 && lookFirst(bytes, start, index, end)) found |= first
        if ((bits & second) !== 0 && lookSecond(bytes, start, index, end)) return all
        if ((bits & needsEscape) !== 0 && isEscapedAt(bytes, start, index, end)) found |= needsEscape
      }
      if ((bits & anyDigit) === 0) continue
      if (index < seen) {
        // Its first byte lies before the range, or is the last digit of a row that was looked at.
        digits = 1
        rowAt = index + 1
        digitPlace = isDigit(bytes[rowAt] as number) ? place : noPlace
        continue
      }
      const distance = place - digitPlace
      if ((bits & rowBegins) !== 0) {
        digits = 1
        rowAt = index + 1
      } else {
        if (distance > 2 || (distance === 2 && !isGapPair(words[place - 1] as number))) {
          digits = 0
          rowAt = isDigit(bytes[index] as number) ? index : index + 1
        }
        digits += (bits & twoDigits) === 0 ? 1 : 2
      }
      if (digits < leastDigits) {
        digitPlace = (bits & rowEnds) === 0 ? place : noPlace
        continue
      }
      const lastDigit = rows?.look(bytes, start, rowAt, end) ?? -1
      if (lastDigit === -1) return all
      digitPlace = noPlace
      seen = lastDigit + 1
      place = ((shift + seen) >> 1) - 1
    }
    return found
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

const isGapPair = (pair: number): boolean => isGap(pair & 255) && isGap(pair >> 8)

/** Which of a pair's bytes stands first in memory is the processor's choice. */
const isLowFirst = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** What two bytes, read as one number, are worth. */
function tableOf([one, other]: readonly [Watch, Watch]): Uint8Array {
  const table = new Uint8Array(1 << 16)
  for (let pair = 0; pair < table.length; pair++) {
    const [low, high] = isLowFirst ? [pair & 255, pair >> 8] : [pair >> 8, pair & 255]
    table[pair] =
      (one.concerns(low, high) ? first : 0) |
      (other.concerns(low, high) ? second : 0) |
      (isEscaped(low) || isEscaped(high) ? needsEscape : 0) |
      (other.rows ? digitsOf(low, high) : 0)
  }
  return table
}

function digitsOf(low: number, high: number): number {
  if (isDigit(low)) return isDigit(high) ? twoDigits : isGap(high) ? oneDigit : oneDigit | rowEnds
  return isDigit(high) ? (isGap(low) ? oneDigit : rowBegins) : 0
}

const nothing: Watch = { concerns: () => false, look: () => false }

/** The same for one watch. */
export function createScan(watch: Watch): (bytes: Uint8Array, start: number, end: number) => boolean {
  const scan = createPairScan([nothing, watch])
  return (bytes, start, end) => (scan(bytes, start, end) & second) !== 0
}
