import type { Prefix } from './prefix.ts'
import type { ZoneOffset } from './zone.ts'

/** A record's time: `iso` as stored (UTC, the source's own digits, at least ms), `ms` since the epoch. */
export interface Stamp {
  iso: string
  ms: number
}

/** Turns a prefix's time into a stamp. Lines of one minute and zone share the calendar's arithmetic. */
export function createStamper(zone: ZoneOffset): (bytes: Buffer, prefix: Prefix, out: Stamp) => boolean {
  let minuteText = ''
  let minuteMs = 0
  let minuteIso = ''
  const calendar = (bytes: Buffer, prefix: Prefix, out: Stamp): boolean => {
    const { start, zoneStart, timeEnd } = prefix
    const text = bytes.toString('latin1', start, timeEnd)
    // The minute and the zone, without the seconds between them.
    const zoneLength = timeEnd - zoneStart
    const minute = zoneLength === 0 ? text.slice(0, 16) : text.slice(0, 16) + text.slice(text.length - zoneLength)
    if (minute !== minuteText) {
      const ms = minuteOf(minute, zone)
      if (Number.isNaN(ms)) return false
      minuteText = minute
      minuteMs = ms
      minuteIso = new Date(ms).toISOString().slice(0, 17)
    }
    const digits = prefix.fractionDigits
    const fraction = digits === 0 ? '000' : text.slice(20, 20 + digits)
    out.iso = `${minuteIso}${text.slice(17, 19)}.${digits > 0 && digits < 3 ? fraction.padEnd(3, '0') : fraction}Z`
    const second = (text.charCodeAt(17) - 48) * 10 + text.charCodeAt(18) - 48
    out.ms = minuteMs + second * 1000 + (digits === 0 ? 0 : millisOf(text, 20, digits))
    return second < 60
  }
  return (bytes, prefix, out) =>
    prefix.kind === 'calendar'
      ? calendar(bytes, prefix, out)
      : epoch(bytes.toString('latin1', prefix.start, prefix.timeEnd), out)
}

function millisOf(text: string, at: number, digits: number): number {
  let ms = 0
  for (let index = 0; index < 3; index++) ms = ms * 10 + (index < digits ? text.charCodeAt(at + index) - 48 : 0)
  return ms
}

/** `YYYY-MM-DD HH:MM` with or without a zone behind it, in UTC ms; NaN where it is no date. */
export function minuteOf(text: string, zone: ZoneOffset): number {
  const wallMs = Date.UTC(
    Number(text.slice(0, 4)),
    Number(text.slice(5, 7)) - 1,
    Number(text.slice(8, 10)),
    Number(text.slice(11, 13)),
    Number(text.slice(14, 16)),
  )
  if (Number.isNaN(wallMs) || Number(text.slice(5, 7)) > 12) return Number.NaN
  const named = /([+-])(\d\d):?(\d\d)$/.exec(text.slice(16))
  if (named) return wallMs - (named[1] === '-' ? -1 : 1) * (Number(named[2]) * 60 + Number(named[3])) * 60_000
  return text.endsWith('Z') ? wallMs : wallMs - zone(wallMs) * 60_000
}

/** Seconds, milli-, micro- or nanoseconds, told apart by their length. */
export function epoch(text: string, out: Stamp): boolean {
  const seconds = text.slice(0, 10)
  const fraction = text.slice(10).replace('.', '')
  const ms = Number(seconds) * 1000 + millisOf(fraction, 0, fraction.length)
  if (Number.isNaN(ms)) return false
  out.ms = ms
  const iso = new Date(ms).toISOString()
  out.iso = fraction.length > 3 ? `${iso.slice(0, 20)}${fraction}Z` : iso
  return true
}
