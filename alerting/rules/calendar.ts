import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import type { Calendar } from '../transition.ts'
import type * as Holidays from './holidays.ts'

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const require = createRequire(import.meta.url)

/** The calendars of all countries are 30 MB: read when a rule first names one. */
const holidays = () => require(`./holidays${extname(import.meta.filename)}`) as typeof Holidays

/** `mon-fri`, `mon,wed`, or a list of these → 1 = Monday … 7 = Sunday. Undefined where it is none. */
export function parseDays(input: string | readonly string[]): number[] | undefined {
  const days = new Set<number>()
  for (const part of [input].flat().flatMap((text) => text.split(','))) {
    const [from, to = from] = part
      .trim()
      .toLowerCase()
      .split('-')
      .map((name) => dayNames.indexOf(name.slice(0, 3)) + 1)
    if (!from || !to) return undefined
    for (let day = from; ; day = (day % 7) + 1) {
      days.add(day)
      if (day === to) break
    }
  }
  return days.size > 0 ? [...days].toSorted((a, b) => a - b) : undefined
}

/** `08:00-20:00` → minutes of the day, [start, end). */
export function parseHours(text: string): { start: number; end: number } | undefined {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)$/.exec(text.trim())
  if (!match) return undefined
  const start = Number(match[1]) * 60 + Number(match[2])
  const end = Number(match[3]) * 60 + Number(match[4])
  return start >= 1440 || end > 1440 ? undefined : { start, end }
}

export function knowsHolidays(country: string): boolean {
  return holidays().knowsHolidays(country)
}

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/** Is this instant within the calendar? A range that crosses midnight belongs to the day it starts on. */
export function isActive(calendar: Calendar | undefined, atMs: number): boolean {
  if (!calendar) return true
  const [span] = activeSpans(calendar, atMs, 1)
  return span !== undefined && span.start <= atMs && atMs < span.end
}

/** When it opens next, at or after an instant; undefined where it does not within a year. */
export function opensAt(calendar: Calendar, atMs: number): number | undefined {
  const [span] = activeSpans(calendar, atMs, 1)
  return span && Math.max(span.start, atMs)
}

/** The instant at which a clock that stands still outside the calendar has run for `durationMs`. */
export function addActiveTime(calendar: Calendar | undefined, fromMs: number, durationMs: number): number {
  if (!calendar) return fromMs + durationMs
  let left = durationMs
  let at = fromMs
  for (let round = 0; round < 1000; round++) {
    const [span] = activeSpans(calendar, at, 1)
    if (!span) return Number.POSITIVE_INFINITY
    const begin = Math.max(at, span.start)
    if (span.end - begin >= left) return begin + left
    left -= span.end - begin
    at = span.end
  }
  return Number.POSITIVE_INFINITY
}

interface Span {
  readonly start: number
  readonly end: number
}

/** The next `count` open spans that end after `atMs`, in order. */
function activeSpans(calendar: Calendar, atMs: number, count: number): Span[] {
  const first = Temporal.Instant.fromEpochMilliseconds(Math.floor(atMs)).toZonedDateTimeISO(calendar.tz).toPlainDate()
  const spans: Span[] = []
  // From the day before: its range may cross midnight. A year ahead is enough for any calendar that ever opens.
  for (let offset = -1; offset < 367 && spans.length < count; offset++) {
    for (const span of spansOf(calendar, first.add({ days: offset }))) {
      const last = spans.at(-1)
      if (last && span.start <= last.end)
        spans[spans.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
      else if (span.end > atMs && span.end > span.start) spans.push(span)
    }
  }
  return spans.slice(0, count)
}

/** The ranges that start on one day, in order. */
function spansOf(calendar: Calendar, day: Temporal.PlainDate): Span[] {
  if (calendar.days && !calendar.days.includes(day.dayOfWeek)) return []
  if (calendar.holidays && isHoliday(calendar.holidays, day)) return []
  return (calendar.hours ?? [{ start: 0, end: 1440 }])
    .map(({ start, end }) => ({
      start: instantOf(calendar, day, start),
      end: end > start ? instantOf(calendar, day, end) : instantOf(calendar, day.add({ days: 1 }), end),
    }))
    .toSorted((a, b) => a.start - b.start)
}

function instantOf({ tz }: Calendar, day: Temporal.PlainDate, minutes: number): number {
  const date = minutes >= 1440 ? day.add({ days: 1 }) : day
  const time = Temporal.PlainTime.from({ hour: Math.floor((minutes % 1440) / 60), minute: minutes % 60 })
  return date.toZonedDateTime({ timeZone: tz, plainTime: time }).epochMilliseconds
}

const holidayYears = new Map<string, ReadonlySet<string>>()

function isHoliday(country: string, day: Temporal.PlainDate): boolean {
  const key = `${country} ${day.year}`
  let days = holidayYears.get(key)
  if (!days) {
    days = holidays().holidaysOf(country, day.year)
    holidayYears.set(key, days)
  }
  return days.has(day.toString())
}
