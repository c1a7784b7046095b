import { parseWhen } from './when.ts'

const dayMs = 86_400_000
/** Ten years: more is a slip of the pen. */
const maxDays = 3660

/** UTC days, both ends included; an error's text where they cannot be told. `to` defaults to yesterday, the last day that is over. */
export function daysBetween(from: string, to: string | undefined, nowMs: number): readonly string[] | string {
  const firstMs = startOfDay(from, nowMs)
  if (firstMs === undefined) return notADay('--from', from)
  const lastMs = to === undefined ? Math.max(firstMs, floor(nowMs) - dayMs) : startOfDay(to, nowMs)
  if (lastMs === undefined) return notADay('--to', to ?? '')
  if (lastMs < firstMs) return `--to ${dayOf(lastMs)} is before --from ${dayOf(firstMs)}`
  const count = (lastMs - firstMs) / dayMs + 1
  if (count > maxDays) return `from ${dayOf(firstMs)} to ${dayOf(lastMs)} are ${count} days; ${maxDays} are the most`
  return Array.from({ length: count }, (_, index) => dayOf(firstMs + index * dayMs))
}

function startOfDay(text: string, nowMs: number): number | undefined {
  if (text === 'today') return floor(nowMs)
  if (text === 'yesterday') return floor(nowMs) - dayMs
  // A time of day would promise what files of whole days cannot keep.
  if (/T|:/.test(text)) return undefined
  const atMs = parseWhen(text, nowMs)
  return atMs === undefined ? undefined : floor(atMs)
}

const notADay = (option: string, text: string) =>
  `${option} ${text} is no day; write it as 2026-11-24, yesterday, today or 7d (ago); days are UTC`
const floor = (atMs: number) => Math.floor(atMs / dayMs) * dayMs
const dayOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 10)
