/** Asks about rows of digits, between two of which stand up to three of ` -.()`, once one may have so many digits. */
export interface RowWatch {
  /** Two or more. */
  readonly leastDigits: number
  /** Looks at the row whose first digit is at `index`: -1 is a yes, else the place of its last digit. */
  readonly look: (bytes: Uint8Array, start: number, index: number, end: number) => number
}

export const isDigit = new Uint8Array(256)
/** A digit, or what may stand between two. */
export const isInRow = new Uint8Array(256)
for (const letter of '0123456789') isDigit[letter.charCodeAt(0)] = isInRow[letter.charCodeAt(0)] = 1
for (const gap of ' -.()') isInRow[gap.charCodeAt(0)] = 1

/**
 * Is any row in [start, end) a yes? A row of so many digits covers as many bytes without a break: one byte in so many is
 * looked at, and what is around it only where that may stand in a row.
 */
export function createRowScan({
  leastDigits,
  look,
}: RowWatch): (bytes: Uint8Array, start: number, end: number) => boolean {
  return (bytes, start, end) => {
    let from = start
    let place = start + leastDigits - 1
    while (place < end) {
      if (isInRow[bytes[place] as number] === 0) {
        place += leastDigits
        continue
      }
      let first = place
      while (first > from && isInRow[bytes[first - 1] as number] === 1) first--
      let last = first
      let digits = 0
      for (; last < end && isInRow[bytes[last] as number] === 1; last++)
        digits += isDigit[bytes[last] as number] as number
      if (digits >= leastDigits && hasYes(bytes, start, first, last, end)) return true
      from = last
      place = last + leastDigits
    }
    return false
  }

  function hasYes(bytes: Uint8Array, start: number, first: number, last: number, end: number): boolean {
    for (let at = first; at < last; at++) {
      if (isDigit[bytes[at] as number] === 0) continue
      at = look(bytes, start, at, end)
      if (at === -1) return true
    }
    return false
  }
}
