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

/** Writes JSON as bytes into memory that it is given: no string per line, no copy per record. It does not check for room. */
export class ByteWriter {
  #buffer: Buffer = Buffer.alloc(0)
  /** The next byte's place. */
  at = 0
  /** Bytes that were no UTF-8 since it was last set to 0. */
  invalidBytes = 0

  use(buffer: Buffer, at: number): void {
    this.#buffer = buffer
    this.at = at
  }

  ascii(text: string): void {
    const buffer = this.#buffer
    let at = this.at
    for (let index = 0; index < text.length; index++) buffer[at++] = text.charCodeAt(index)
    this.at = at
  }

  /** As UTF-8: up to three bytes a unit of its length. */
  text(text: string): void {
    this.at += this.#buffer.write(text, this.at)
  }

  /** All of it. */
  block(source: Uint8Array): void {
    this.#buffer.set(source, this.at)
    this.at += source.length
  }

  /** A part of it, as it is: a message's length of bytes and more. */
  part(source: Buffer, start: number, end: number): void {
    this.at += source.copy(this.#buffer, this.at, start, end)
  }

  /** A few dozen bytes of it, as they are. */
  some(source: Uint8Array, start: number, end: number): void {
    const buffer = this.#buffer
    let at = this.at
    for (let index = start; index < end; index++) buffer[at++] = source[index] as number
    this.at = at
  }

  /** Over what was written already. */
  patch(place: number, source: Uint8Array, start: number, end: number): void {
    const buffer = this.#buffer
    for (let index = start, at = place; index < end; index++) buffer[at++] = source[index] as number
  }

  /** The same; false where a byte is not to stand in a JSON string as it is. */
  patchPlain(place: number, source: Uint8Array, start: number, end: number): boolean {
    const buffer = this.#buffer
    for (let index = start, at = place; index < end; index++) {
      const byte = source[index] as number
      if (classes[byte] !== 0) return false
      buffer[at++] = byte
    }
    return true
  }

  patchAscii(place: number, text: string): void {
    const buffer = this.#buffer
    for (let index = 0; index < text.length; index++) buffer[place + index] = text.charCodeAt(index)
  }

  /** The inside of a JSON string; stops, and says false, once it has come to `stop`. */
  jsonText(source: Uint8Array, start: number, end: number, stop: number): boolean {
    const buffer = this.#buffer
    let at = this.at
    let index = start
    // Most texts are short and plain: they need no look at the limit.
    if (at + end - start < stop)
      for (; index < end; index++) {
        const byte = source[index] as number
        if (classes[byte] !== 0) break
        buffer[at++] = byte
      }
    while (index < end) {
      const byte = source[index] as number
      const kind = classes[byte]
      if (at >= stop) {
        this.at = at
        return false
      }
      if (kind === 0) {
        buffer[at++] = byte
        index++
      } else if (kind === 1) {
        at = escape(buffer, at, byte)
        index++
      } else {
        const length = sequenceLength(source, index, end)
        if (length === 0) {
          buffer[at++] = 0xef
          buffer[at++] = 0xbf
          buffer[at++] = 0xbd
          this.invalidBytes++
          index++
        } else for (let left = length; left > 0; left--) buffer[at++] = source[index++] as number
      }
    }
    this.at = at
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
