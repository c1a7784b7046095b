const width = 3

/** A window's place in the table: its last byte and the two before it. */
const placeOf = (bytes: Uint8Array, last: number): number =>
  (((bytes[last - 2] as number) << 10) ^ ((bytes[last - 1] as number) << 5) ^ (bytes[last] as number)) & 0xffff

/**
 * Tells in one pass, without making a text, whether any of the needles (ASCII) stands in a range of bytes. It looks at
 * windows of three bytes and steps over as many bytes as no needle can begin in (Wu and Manber, 1994).
 */
export function createScan(needles: readonly string[]): (bytes: Uint8Array, start: number, end: number) => boolean {
  const all = [...new Set(needles)].map((needle) => new TextEncoder().encode(needle))
  const least = Math.min(...all.map(({ length }) => length))
  if (least < width) return () => true
  const steps = new Uint8Array(1 << 16).fill(Math.min(255, least - width + 1))
  const candidates = new Map<number, Uint8Array[]>()
  for (const needle of all) {
    for (let last = width - 1; last < least; last++) {
      const place = placeOf(needle, last)
      steps[place] = Math.min(steps[place] ?? 0, least - 1 - last)
    }
    const place = placeOf(needle, least - 1)
    candidates.set(place, [...(candidates.get(place) ?? []), needle])
  }
  return (bytes, start, end) => {
    for (let last = start + least - 1; last < end; ) {
      const place = placeOf(bytes, last)
      const step = steps[place] as number
      if (step === 0) {
        const from = last - least + 1
        if (candidates.get(place)?.some((needle) => isAt(needle, bytes, from, end)) === true) return true
        last++
      } else last += step
    }
    return false
  }
}

function isAt(needle: Uint8Array, bytes: Uint8Array, from: number, end: number): boolean {
  if (from + needle.length > end) return false
  for (let index = 0; index < needle.length; index++) if (needle[index] !== bytes[from + index]) return false
  return true
}
