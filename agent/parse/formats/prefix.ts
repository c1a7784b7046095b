/** Where the parts of `time [level] <pid> text` lie in the bytes; one object is reused for every line. */
export interface Prefix {
  start: number
  timeEnd: number
  /** `calendar` = date and time of day; `epoch` = a number. */
  kind: 'calendar' | 'epoch'
  /** 0 where the time has no finer part than a second. */
  fractionDigits: number
  /** First byte of the fraction's digits. */
  fractionStart: number
  /** Where the zone begins; equal to timeEnd where there is none. */
  zoneStart: number
  levelStart: number
  levelEnd: number
  pidStart: number
  pidEnd: number
  textStart: number
}

export function emptyPrefix(): Prefix {
  return {
    start: 0,
    timeEnd: 0,
    kind: 'calendar',
    fractionDigits: 0,
    fractionStart: 0,
    zoneStart: 0,
    levelStart: 0,
    levelEnd: 0,
    pidStart: 0,
    pidEnd: 0,
    textStart: 0,
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57

/** Reads the prefix of RabbitMQ 3.7 to 4.x in all its time formats; false, and `out` undefined, where the line has none. */
export function readPrefix(bytes: Uint8Array, start: number, end: number, out: Prefix): boolean {
  if (end - start < 16 || !isDigit(bytes[start])) return false
  out.start = start
  const at = bytes[start + 4] === 0x2d ? readCalendar(bytes, start, end, out) : readEpoch(bytes, start, end, out)
  return at !== -1 && readLevelAndPid(bytes, at, end, out)
}

/** Returns where the time ends, or -1. */
function readCalendar(bytes: Uint8Array, start: number, end: number, out: Prefix): number {
  const between = bytes[start + 10]
  if (
    bytes[start + 7] !== 0x2d ||
    (between !== 0x20 && between !== 0x54) ||
    bytes[start + 13] !== 0x3a ||
    bytes[start + 16] !== 0x3a ||
    !isDigit(bytes[start + 3]) ||
    !isDigit(bytes[start + 5]) ||
    !isDigit(bytes[start + 9]) ||
    !isDigit(bytes[start + 11]) ||
    !isDigit(bytes[start + 15]) ||
    !isDigit(bytes[start + 18])
  )
    return -1
  out.kind = 'calendar'
  let at = start + 19
  out.fractionDigits = 0
  out.fractionStart = at
  if (bytes[at] === 0x2e || bytes[at] === 0x2c) {
    at++
    out.fractionStart = at
    while (at < end && isDigit(bytes[at])) at++
    out.fractionDigits = at - out.fractionStart
  }
  out.zoneStart = at
  const sign = bytes[at]
  if (sign === 0x5a) at++
  else if (sign === 0x2b || sign === 0x2d) at += bytes[at + 3] === 0x3a ? 6 : 5
  out.timeEnd = at
  return at
}

function readEpoch(bytes: Uint8Array, start: number, end: number, out: Prefix): number {
  let at = start
  while (at < end && isDigit(bytes[at])) at++
  const digits = at - start
  if (digits < 10 || digits > 19) return -1
  out.kind = 'epoch'
  out.fractionStart = start + 10
  out.fractionDigits = digits - 10
  if (bytes[at] === 0x2e) {
    out.fractionStart = ++at
    while (at < end && isDigit(bytes[at])) at++
    out.fractionDigits = at - out.fractionStart
  }
  out.zoneStart = at
  out.timeEnd = at
  return at
}

function readLevelAndPid(bytes: Uint8Array, timeEnd: number, end: number, out: Prefix): boolean {
  let at = timeEnd
  if (bytes[at] !== 0x20 || bytes[at + 1] !== 0x5b) return false
  at += 2
  out.levelStart = at
  while (at < end && bytes[at] !== 0x5d) {
    const letter = (bytes[at] ?? 0) | 0x20
    if (letter < 0x61 || letter > 0x7a || at - out.levelStart > 9) return false
    at++
  }
  if (at >= end || at === out.levelStart) return false
  out.levelEnd = at++
  if (bytes[at] === 0x20) at++
  out.pidStart = at
  out.pidEnd = at
  if (bytes[at] === 0x3c) {
    while (at < end && bytes[at] !== 0x3e) at++
    if (at >= end) return false
    out.pidEnd = ++at
    if (bytes[at] === 0x20) at++
  }
  out.textStart = at > end ? end : at
  return true
}
