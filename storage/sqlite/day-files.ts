import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A UTC day, `2026-11-24`. */
export type Day = string

const file = /^([+-]?\d{4,6}-\d{2}-\d{2})\.db$/

export function dayOf(atMs: number): Day {
  return new Date(atMs).toISOString().replace(/T.*$/, '')
}

export function dayPath(dir: string, day: Day): string {
  return join(dir, `${day}.db`)
}

/** In order of time; empty where nothing was ever stored. */
export function listDays(dir: string): Day[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .map((name) => file.exec(name)?.[1])
    .filter((day) => day !== undefined)
    .toSorted((a, b) => startOf(a) - startOf(b))
}

export function startOf(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`)
}

const dayMs = 86_400_000

/** The days that may hold events of [sinceMs, untilMs). */
export function daysWithin(
  days: readonly Day[],
  sinceMs = Number.NEGATIVE_INFINITY,
  untilMs = Number.POSITIVE_INFINITY,
): Day[] {
  return days.filter((day) => startOf(day) + dayMs > sinceMs && startOf(day) < untilMs)
}

/** With what is not yet moved from its log into the file. */
export function sizeOfDay(dir: string, day: Day): number {
  return ['', '-wal'].reduce(
    (sum, end) => sum + (statSync(dayPath(dir, day) + end, { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

export function removeDay(dir: string, day: Day): void {
  for (const end of ['', '-wal', '-shm']) rmSync(dayPath(dir, day) + end, { force: true })
}

/** What can no longer be read is kept for whoever wants to look, out of the way. Returns its new name. */
export function setAside(dir: string, day: Day, nowMs: number): string {
  const aside = join(dir, `${day}.damaged-${nowMs}`)
  mkdirSync(aside, { recursive: true })
  for (const end of ['', '-wal', '-shm'])
    if (existsSync(dayPath(dir, day) + end)) renameSync(dayPath(dir, day) + end, join(aside, `${day}.db${end}`))
  return aside
}

/** Days to remove: those beyond the age, then the oldest while all together are too large; never the newest. */
export function expiredDays(
  dir: string,
  { retentionMs, maxBytes, nowMs }: { retentionMs: number; maxBytes: number; nowMs: number },
): Day[] {
  const days = listDays(dir)
  const old = days.filter((day) => startOf(day) + dayMs <= nowMs - retentionMs)
  const rest = days.filter((day) => !old.includes(day))
  const sizes = rest.map((day) => sizeOfDay(dir, day))
  let total = sizes.reduce((sum, size) => sum + size, 0)
  const large: Day[] = []
  for (let index = 0; index < rest.length - 1 && total > maxBytes; index++) {
    large.push(rest[index] as Day)
    total -= sizes[index] ?? 0
  }
  return [...old, ...large]
}
