import type { Watch } from './pair-scan.ts'

interface Anchored {
  readonly needle: Uint8Array
  /** Where in it the pair stands. */
  readonly offset: number
}

/** Numbers, and what may stand between them: rows of those are stepped over. */
const isInNumber = (byte: number) => (byte >= 48 && byte <= 57) || ' -.()'.includes(String.fromCharCode(byte))

/**
 * Watches for texts (ASCII) in bytes. Each is found by one of its pairs of neighbours at even places, and one at odd: the
 * pairs that are seldom in `usual`, which is what most lines are like. Undefined where a text is too short to have them.
 */
export function createNeedleWatch(needles: readonly string[], usual: string): Watch | undefined {
  const counts = new Float64Array(1 << 16)
  const usualBytes = new TextEncoder().encode(usual)
  for (let at = 0; at + 1 < usualBytes.length; at++)
    counts[pairAt(usualBytes, at)] = (counts[pairAt(usualBytes, at)] ?? 0) + 1
  const anchored = new Map<number, Anchored[]>()
  for (const text of new Set(needles)) {
    const needle = new TextEncoder().encode(text)
    for (const parity of [0, 1]) {
      const offset = seldomest(needle, parity, counts)
      if (offset === -1) return undefined
      const pair = pairAt(needle, offset)
      anchored.set(pair, [...(anchored.get(pair) ?? []), { needle, offset }])
    }
  }
  // Each pair's place among the candidates; 0 is none.
  const candidates = [[], ...anchored.values()]
  const places = new Uint16Array(1 << 16)
  for (const [index, pair] of [...anchored.keys()].entries()) places[pair] = index + 1
  return {
    concerns: (first, second) => anchored.has(first * 256 + second),
    look(bytes, start, index, end) {
      if (index < 0) return false
      const few = candidates[places[pairAt(bytes, index)] as number] as readonly Anchored[]
      for (let at = 0; at < few.length; at++) {
        const { needle, offset } = few[at] as Anchored
        if (isAt(needle, bytes, index - offset, start, end)) return true
      }
      return false
    },
  }
}

const pairAt = (bytes: Uint8Array, at: number): number => (bytes[at] as number) * 256 + (bytes[at + 1] as number)

function seldomest(needle: Uint8Array, parity: number, counts: Float64Array): number {
  let [best, least] = [-1, Number.POSITIVE_INFINITY]
  for (let at = parity; at + 1 < needle.length; at += 2) {
    const count = counts[pairAt(needle, at)] as number
    if (count >= least || (isInNumber(needle[at] as number) && isInNumber(needle[at + 1] as number))) continue
    best = at
    least = count
  }
  return best
}

function isAt(needle: Uint8Array, bytes: Uint8Array, from: number, start: number, end: number): boolean {
  if (from < start || from + needle.length > end) return false
  for (let index = 0; index < needle.length; index++) if (needle[index] !== bytes[from + index]) return false
  return true
}
