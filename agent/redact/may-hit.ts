import { machineName } from './emails.ts'
import { endsWithSecretWord, isKeyEnd, special, specialPairs } from './secret-signs.ts'

/** What a byte may begin; most begin nothing and are passed over. */
const digit = 1
const separator = 2
const at = 3
const slash = 4
const letter = 5
const high = 6

const kinds = new Uint8Array(256)
for (let code = 0; code < 256; code++) kinds[code] = kindOf(code)

function kindOf(code: number): number {
  const text = String.fromCharCode(code)
  if (code >= 128 || code === 0) return high
  if (/\d/.test(text)) return digit
  if (/[=:,]/.test(text)) return separator
  if (text === '@') return at
  if (text === '/') return slash
  return /[ABbegx<{\\-]/.test(text) ? letter : 0
}

const specialAtStart = new RegExp(`^${special}`, 'i')
const domain = /^[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2}/
const webhook = 'hooks.slack.com/services'

/**
 * One pass over a line's bytes, without making a text of it. It may say yes too often (a line then takes the careful
 * way), never no too often: a test holds it to that.
 */
export function createMayHit(builtin: readonly string[]): (bytes: Uint8Array, start: number, end: number) => boolean {
  const on = new Set(builtin)
  if (on.has('passports') || on.has('licences') || on.has('accounts')) return () => true
  const isSecret = on.has('secrets') ? mayBeSecret : () => false
  const isAddress = on.has('emails') ? mayBeAddress : () => false
  const hasNumbers = on.has('cards') || on.has('rrn') || on.has('phones')
  return (bytes, start, end) => {
    for (let index = start; index < end; index++) {
      const kind = kinds[bytes[index] as number] as number
      if (kind === 0) continue
      if (kind === high) return true
      if (kind === digit) {
        if (!hasNumbers) continue
        const last = endOfDigits(bytes, start, index, end)
        if (last === -1) return true
        index = last
      } else if (kind === at) {
        if (isAddress(bytes, start, index, end)) return true
      } else if (isSecret(kind, bytes, start, index, end)) return true
    }
    return false
  }
}

function slice(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end)
}

function mayBeSecret(kind: number, bytes: Uint8Array, start: number, index: number, end: number): boolean {
  if (kind === separator) {
    if (index === start || !isKeyEnd(bytes[index - 1] as number)) return false
    const from = Math.max(start, index - 40)
    return endsWithSecretWord(slice(bytes, from, index), index - from)
  }
  if (kind === slash) {
    // `://`, where a password ends with an @.
    if (bytes[index - 1] === 47 && bytes[index - 2] === 58) return hasAt(bytes, index, end)
    return bytes[index - 1] === 115 && slice(bytes, Math.max(start, index - webhook.length), index) === webhook
  }
  if (specialPairs[(bytes[index] as number) * 256 + (bytes[index + 1] ?? 0)] === 0) return false
  return specialAtStart.test(slice(bytes, index, Math.min(end, index + 10)))
}

function hasAt(bytes: Uint8Array, from: number, end: number): boolean {
  const found = bytes.indexOf(64, from)
  return found !== -1 && found < end
}

function mayBeAddress(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  if (!domain.test(slice(bytes, index + 1, Math.min(end, index + 260)))) return false
  const local = /[\w.%+-]+$/.exec(slice(bytes, Math.max(start, index - 64), index))?.[0]
  return local !== undefined && !machineName.test(local)
}

const zero = 48
const nine = 57

/**
 * The last byte of the row of digits at `index`, up to three marks between two of them; -1 where it may be a number of
 * a person: thirteen digits, or nine from a 0, a +, a ( or the country's 82 on.
 */
function endOfDigits(bytes: Uint8Array, start: number, index: number, end: number): number {
  let count = 0
  let countBeforeLed = Infinity
  let last = index
  let gap = 0
  for (let next = index; next < end && gap <= 3; next++) {
    const code = bytes[next] as number
    if (code >= zero && code <= nine) {
      const isFirst = next === index || gap > 0
      if (isFirst && countBeforeLed === Infinity && isLed(bytes, start, next)) countBeforeLed = count
      count++
      last = next
      gap = 0
      if (count >= 13 || count - countBeforeLed >= 9) return -1
    } else if (code === 32 || code === 45 || code === 46 || code === 40 || code === 41) gap++
    else break
  }
  return last
}

function isLed(bytes: Uint8Array, start: number, index: number): boolean {
  const before = index > start ? bytes[index - 1] : 0
  return bytes[index] === zero || before === 43 || before === 40 || (bytes[index] === 56 && bytes[index + 1] === 50)
}
