import { parseDuration } from '../runtime/config/units.ts'

/** `1h` (ago), `now`, `2026-11-24`, `2026-11-24T10:00:00+09:00` → ms since the epoch; undefined where it is none. */
export function parseWhen(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs
  const ago = parseDuration(text)
  if (ago !== undefined) return nowMs - ago
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}
