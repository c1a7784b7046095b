const slabBytes = 1 << 20
const hex = Buffer.from('0123456789abcdef')
/** 0 = as it is, 1 = needs an escape, 2 = begins a UTF-8 sequence (or is none). */
const classes = new Uint8Array(256)
for (let byte = 0; byte < 0x20; byte++) classes[byte] = 1
classes[0x22] = 1
classes[0x5c] = 1
for (let byte = 0x80; byte < 0x100; byte++) classes[byte] = 2
const shortEscapes = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
  [0x22, 0x22],
  [0x5c, 0x5c],
])

/**
 * Writes JSON as bytes into slabs of 1 MiB, out of which each record's value is a view: no string per line, no copy per
 * record. Call `reserve` with the most that may follow; the rest does not check.
 */
export class ByteWriter {
  #slab = Buffer.allocUnsafeSlow(slabBytes)
  #at = 0
  #begin = 0
  /** Bytes that were no UTF-8 since the last `begin`. */
  invalidBytes = 0

  begin(most: number): void {
    if (this.#slab.length - this.#at < most) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, most))
      this.#at = 0
    }
    this.#begin = this.#at
    this.invalidBytes = 0
  }

  /** What was written since `begin`. */
  take(): Uint8Array {
    return this.#slab.subarray(this.#begin, this.#at)
  }

  get length(): number {
    return this.#at - this.#begin
  }

  ascii(text: string): void {
    const slab = this.#slab
    let at = this.#at
    for (let index = 0; index < text.length; index++) slab[at++] = text.charCodeAt(index)
    this.#at = at
  }

  raw(source: Uint8Array, start: number, end: number): void {
    const slab = this.#slab
    let at = this.#at
    if (end - start > 200) {
      slab.set(source.subarray(start, end), at)
      at += end - start
    } else for (let index = start; index < end; index++) slab[at++] = source[index] as number
    this.#at = at
  }

  /** A whole number, 0 or more. */
  decimal(value: number): void {
    const slab = this.#slab
    let digits = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
    let rest = value
    for (let index = this.#at + digits - 1; index >= this.#at; index--) {
      const next = Math.floor(rest / 10)
      slab[index] = 48 + rest - next * 10
      rest = next
    }
    this.#at += digits
  }

  /** The inside of a JSON string; stops, and says false, once `limit` bytes were written since `begin`. */
  jsonText(source: Uint8Array, start: number, end: number, limit: number): boolean {
    const slab = this.#slab
    const stop = this.#begin + limit
    let at = this.#at
    let index = start
    while (index < end) {
      const byte = source[index] as number
      const kind = classes[byte]
      if (at >= stop) {
        this.#at = at
        return false
      }
      if (kind === 0) {
        slab[at++] = byte
        index++
      } else if (kind === 1) {
        at = escape(slab, at, byte)
        index++
      } else {
        const length = sequenceLength(source, index, end)
        if (length === 0) {
          slab[at++] = 0xef
          slab[at++] = 0xbf
          slab[at++] = 0xbd
          this.invalidBytes++
          index++
        } else for (let left = length; left > 0; left--) slab[at++] = source[index++] as number
      }
    }
    this.#at = at
    return true
  }
}

function escape(slab: Uint8Array, from: number, byte: number): number {
  let at = from
  slab[at++] = 0x5c
  const short = shortEscapes.get(byte)
  if (short !== undefined) {
    slab[at++] = short
    return at
  }
  slab[at++] = 0x75
  slab[at++] = 0x30
  slab[at++] = 0x30
  slab[at++] = hex[byte >> 4] as number
  slab[at++] = hex[byte & 15] as number
  return at
}

/** Length of the well-formed UTF-8 sequence at `at`, 0 where there is none (Unicode 15, table 3-7). */
function sequenceLength(source: Uint8Array, at: number, end: number): number {
  const first = source[at] as number
  const follows = (index: number, low = 0x80, high = 0xbf) => {
    const byte = at + index < end ? (source[at + index] as number) : 0
    return byte >= low && byte <= high
  }
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80
    const high = first === 0xed ? 0x9f : 0xbf
    return follows(1, low, high) && follows(2) ? 3 : 0
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80
    const high = first === 0xf4 ? 0x8f : 0xbf
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0
  }
  return 0
}
