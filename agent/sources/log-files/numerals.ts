const letters = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz')
/** Digits of 2^53 in base 10. */
const most = 16

/** A whole number's digits as bytes: right-aligned in memory of its own, in [start, end). */
export class Numerals {
  readonly bytes = new Uint8Array(most)
  readonly end = most
  start = most

  get length(): number {
    return most - this.start
  }

  set(value: number, base: 10 | 36): void {
    const { bytes } = this
    let at = most
    let rest = value
    for (; rest > 0x7fffffff; ) {
      const next = Math.floor(rest / base)
      bytes[--at] = letters[rest - next * base] as number
      rest = next
    }
    do {
      const next = (rest / base) | 0
      bytes[--at] = letters[rest - next * base] as number
      rest = next
    } while (rest > 0)
    this.start = at
  }
}
