export const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const sizeUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

/** `250ms 5s 10m 2h 7d` in ms; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim())
  if (!match) return undefined
  return Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits]
}

/** `64KiB 1MiB 2GiB` in bytes; undefined where it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)$/.exec(text.trim())
  if (!match) return undefined
  return Math.floor(Number(match[1]) * sizeUnits[match[2] as keyof typeof sizeUnits])
}

/** What parseDuration reads as this many ms, in the largest unit up to days that leaves no rest: 604800000 is `7d`. */
export function durationText(ms: number): string {
  const { w: _, ...units } = durationUnits
  return inLargest(ms, units, 'ms')
}

/** What parseSize reads as this many bytes: 1048576 is `1MiB`. */
export function sizeText(bytes: number): string {
  return inLargest(bytes, sizeUnits, 'B')
}

function inLargest(amount: number, units: Readonly<Record<string, number>>, smallest: string): string {
  const fits = Object.entries(units).filter(([, worth]) => amount >= worth && amount % worth === 0)
  const [unit, worth] = fits.at(-1) ?? [smallest, 1]
  return `${amount / worth}${unit}`
}
