const packed = /\.(gz)$/
const suffix = /^[.\-_](\d[\d.\-_T:]*|old|bak|prev)$/

export const isPacked = (name: string): boolean => packed.test(name)

/** Is `name` what a rotation makes of `live`: `x.log.1`, `x.log.0.gz`, `x.log-20261122`, `x-20261122.log`, `x.log.old`? */
export function isRotationOf(name: string, live: string): boolean {
  const plain = name.replace(packed, '')
  if (plain === live) return plain !== name
  if (plain.startsWith(live)) return suffix.test(plain.slice(live.length))
  const dot = live.lastIndexOf('.')
  if (dot <= 0) return false
  const [stem, extension] = [live.slice(0, dot), live.slice(dot)]
  return (
    plain.startsWith(stem) &&
    plain.endsWith(extension) &&
    plain.length > stem.length + extension.length &&
    suffix.test(plain.slice(stem.length, plain.length - extension.length))
  )
}

/** The names a rotated file may have had while it was live, nearest first; empty for a name without a rotation's mark. */
export function liveNames(name: string): string[] {
  const plain = name.replace(packed, '')
  const names = plain === name ? [] : [plain]
  const behind = /^(.+?)[.\-_](\d[\d.\-_T:]*|old|bak|prev)$/.exec(plain)
  if (behind?.[1] !== undefined) names.push(behind[1])
  const inside = /^(.+?)[.\-_]\d[\d.\-_T:]*(\.[A-Za-z]\w*)$/.exec(plain)
  if (inside) names.push(`${inside[1]}${inside[2]}`)
  return names
}

/** What tells a file's place among those of one live path. */
export interface Age {
  readonly path: string
  readonly livePath: string
  readonly mtimeMs: number
}

/** Oldest first. A live file is younger than its partners; of two partners the one that was written to first is older. */
export function byAge(a: Age, b: Age): number {
  const [aLive, bLive] = [a.path === a.livePath ? 1 : 0, b.path === b.livePath ? 1 : 0]
  return aLive - bLive || a.mtimeMs - b.mtimeMs || rotationNumber(b.path) - rotationNumber(a.path)
}

/** `x.log.2.gz` → 2: of two partners written within one tick of the file system's clock the higher number is the older. */
function rotationNumber(path: string): number {
  return Number(/\.(\d{1,6})(?:\.gz)?$/.exec(path)?.[1] ?? 0)
}
