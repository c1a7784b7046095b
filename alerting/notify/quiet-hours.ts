import type { RouteConfig } from '../../runtime/config/schema-alerting.ts'
import { isActive, parseDays, parseHours } from '../rules/calendar.ts'
import type { Calendar } from '../transition.ts'
import { ConfigError } from '../../runtime/errors.ts'

type Quiet = NonNullable<RouteConfig['quiet']>

/** The quiet hours as a calendar: within it nothing is told. Undefined where they cannot be read. */
export function quietCalendar({ days, hours, tz }: Quiet, timezone: string): Calendar | undefined {
  const ranges = hours.split(',').map((part) => parseHours(part))
  const parsedDays = days === undefined ? undefined : parseDays(days)
  if (days !== undefined && parsedDays === undefined) return undefined
  const known = ranges.filter((range) => range !== undefined)
  if (known.length < ranges.length) return undefined
  return { ...(parsedDays && { days: parsedDays }), hours: known, tz: tz ?? timezone }
}

const minute = 60_000
const step = 15 * minute
const longest = 8 * 86_400_000

/** When the quiet ends, to the minute, or undefined where it is not quiet now. */
export function quietUntil(quiet: Quiet, timezone: string, nowMs: number): number | undefined {
  const calendar = quietCalendar(quiet, timezone)
  if (!calendar || !isActive(calendar, nowMs)) return undefined
  const start = Math.floor(nowMs / minute) * minute
  let at = start
  while (at < start + longest && isActive(calendar, at)) at += step
  while (at > start && !isActive(calendar, at - minute)) at -= minute
  return at
}

/** Throws ConfigError where a route's quiet hours cannot be read. */
export function checkQuietHours(routes: readonly RouteConfig[], timezone: string): void {
  routes.forEach(({ quiet }, index) => {
    if (!quiet || quietCalendar(quiet, timezone)) return
    const message = `quiet hours "${quiet.days ?? ''} ${quiet.hours}" cannot be read; write days as mon-fri and hours as 22:00-07:00`
    const path = `alerting.routes.${index}.quiet`
    throw new ConfigError([{ file: 'config', line: 0, column: 0, path, message, severity: 'error' }])
  })
}
