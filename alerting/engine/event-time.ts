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

/** The time of an event whose first field it is, without parsing the rest. */
export function timeOfBytes(bytes: Buffer): number | undefined {
  if (bytes.length < 40 || bytes.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0) return undefined
  const end = bytes.indexOf(34, prefix.length)
  return end < 0 || end > 64 ? undefined : parseTime(bytes.toString('latin1', prefix.length, end))
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
