/** Minutes to add to UTC to get a zone's wall time, asked by wall time (as if it were UTC ms). */
export type ZoneOffset = (wallMs: number) => number

/** `system`, `UTC` or an IANA name. Throws RangeError for a zone nobody knows. */
export function createZone(timezone: string): ZoneOffset {
  if (timezone === 'UTC' || timezone === 'Etc/UTC') return () => 0
  if (timezone === 'system') return systemOffset
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const offsetAtUtc = (utcMs: number): number => {
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    return Math.round((Date.UTC(year, month - 1, day, hour, minute, second) - utcMs) / 60_000)
  }
  // Twice: the first guess may lie on the other side of a change of the clocks.
  return (wallMs) => offsetAtUtc(wallMs - offsetAtUtc(wallMs) * 60_000)
}

function systemOffset(wallMs: number): number {
  const wall = new Date(wallMs)
  const local = new Date(
    wall.getUTCFullYear(),
    wall.getUTCMonth(),
    wall.getUTCDate(),
    wall.getUTCHours(),
    wall.getUTCMinutes(),
  )
  return -local.getTimezoneOffset()
}
