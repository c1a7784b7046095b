const prefix = Buffer.from('{"@timestamp":"')
let knownMinute = ''
let knownMinuteMs = 0

/** ms since the epoch of an ISO 8601 time; undefined where it is none. */
export function parseTime(text: string): number | undefined {
  // Most events of a stream share their minute: only seconds and milliseconds are read anew.
  if (text.length === 24 && text.charCodeAt(23) === 90 && text.startsWith(knownMinute) && knownMinute !== '') {
    const ms = knownMinuteMs + digits(text, 17, 19) * 1000 + digits(text, 20, 23)
    if (!Number.isNaN(ms)) return ms
  }
  const atMs = Date.parse(text)
  if (Number.isNaN(atMs)) return undefined
  if (atMs >= 0 && text.length === 24 && text.charCodeAt(23) === 90) {
    knownMinute = text.slice(0, 17)
    knownMinuteMs = atMs - (atMs % 60_000)
  }
  return atMs
}

/** Where the time begins in an event whose first field it is: `{"@timestamp":"2026-11-24T12:00:00.000Z"`. */
const from = prefix.length
const minuteLength = 17
const known = new Uint8Array(from + minuteLength)
let knownBytesMs = Number.NaN

/**
 * The time of an event whose first field it is, without parsing the rest; undefined where it must be parsed. The bytes
 * must look like a whole object.
 */
export function timeOfBytes(bytes: Buffer): number | undefined {
  if (bytes.length < from + 26 || bytes[bytes.length - 1] !== 0x7d || bytes[from + 24] !== 0x22) return undefined
  if (!Number.isNaN(knownBytesMs) && startsKnown(bytes) && bytes[from + 23] === 0x5a && bytes[from + 19] === 0x2e) {
    const seconds = digitsOf(bytes, from + 17, from + 19)
    const ms = digitsOf(bytes, from + 20, from + 23)
    if (seconds < 60 && ms >= 0) return knownBytesMs + seconds * 1000 + ms
  }
  if (bytes.compare(prefix, 0, from, 0, from) !== 0) return undefined
  const atMs = parseTime(bytes.toString('latin1', from, from + 24))
  if (atMs !== undefined && atMs >= 0 && bytes[from + 23] === 0x5a) {
    known.set(bytes.subarray(0, known.length))
    knownBytesMs = atMs - (atMs % 60_000)
  }
  return atMs
}

function startsKnown(bytes: Buffer): boolean {
  // The minute changes most, and from its end.
  for (let index = known.length - 1; index >= 0; index--) if (bytes[index] !== known[index]) return false
  return true
}

function digitsOf(bytes: Buffer, start: number, end: number): number {
  let number = 0
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] as number) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

function digits(text: string, from: number, to: number): number {
  let number = 0
  for (let index = from; index < to; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}
