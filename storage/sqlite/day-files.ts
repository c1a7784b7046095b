import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A UTC day, `2026-11-24`. */
export type Day = string

const file = /^([+-]?\d{4,6}-\d{2}-\d{2})\.db$/
const aside = /^([+-]?\d{4,6}-\d{2}-\d{2})\.damaged-\d+$/

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

/** With its log and the map of it. */
export function sizeOfDay(dir: string, day: Day): number {
  return sizeOf(dayPath(dir, day)) + sizeBesideDay(dir, day)
}

/** Of what lies beside a day's file while it is open. */
export function sizeBesideDay(dir: string, day: Day): number {
  return ['-wal', '-shm'].reduce((sum, end) => sum + sizeOf(dayPath(dir, day) + end), 0)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

export function removeDay(dir: string, day: Day): void {
  for (const end of ['', '-wal', '-shm']) rmSync(dayPath(dir, day) + end, { force: true })
}

/** What can no longer be read is kept for whoever wants to look, out of the way. Returns its new name. */
export function setAside(dir: string, day: Day, nowMs: number): string {
  const path = join(dir, `${day}.damaged-${nowMs}`)
  mkdirSync(path, { recursive: true })
  for (const end of ['', '-wal', '-shm'])
    if (existsSync(dayPath(dir, day) + end)) renameSync(dayPath(dir, day) + end, join(path, `${day}.db${end}`))
  return path
}

/** A day that was set aside: it counts as the rest does, and goes as its day would. */
export interface DayAside {
  readonly day: Day
  readonly path: string
}

/** In order of time. */
export function listAside(dir: string): DayAside[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .flatMap((name) => {
      const day = aside.exec(name)?.[1]
      return day === undefined ? [] : [{ day, path: join(dir, name) }]
    })
    .toSorted((a, b) => startOf(a.day) - startOf(b.day))
}

export function sizeOfAside({ path }: DayAside): number {
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

export function removeAside({ path }: DayAside): void {
  rmSync(path, { recursive: true, force: true })
}

/** Is it older than may be kept? */
export function isExpired(day: Day, nowMs: number, retentionMs: number): boolean {
  return startOf(day) + dayMs <= nowMs - retentionMs
}
