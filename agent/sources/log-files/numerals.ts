const letters = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz')
/** Digits of 2^53 in base 10. */
const most = 16
const limit = 0x7fffffff

/** A whole number's digits as bytes: right-aligned in memory of its own, in [start, end). */
export class Numerals {
  readonly bytes = new Uint8Array(most)
  readonly end = most
  start = most

  get length(): number {
    return most - this.start
  }

  // Twice the same, for a division by a number that is known beforehand takes a fraction of the time.
  set10(value: number): void {
    const { bytes } = this
    let at = most
    let rest = value
    while (rest > limit) {
      const next = Math.floor(rest / 10)
      bytes[--at] = 48 + rest - next * 10
      rest = next
    }
    let small = rest | 0
    do {
      const next = (small / 10) | 0
      bytes[--at] = 48 + small - next * 10
      small = next
    } while (small > 0)
    this.start = at
  }

  set36(value: number): void {
    const { bytes } = this
    let at = most
    let rest = value
    while (rest > limit) {
      const next = Math.floor(rest / 36)
      bytes[--at] = letters[rest - next * 36] as number
      rest = next
    }
    let small = rest | 0
    do {
      const next = (small / 36) | 0
      bytes[--at] = letters[small - next * 36] as number
      small = next
    } while (small > 0)
    this.start = at
  }
}
