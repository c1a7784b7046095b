import type { Watch } from '../parse/formats/pair-scan.ts'
import { machineName } from './emails.ts'
import { bytesEndWithSecretWord, isKeyEnd, special, specialPairs, specialSeconds } from './secret-signs.ts'

/** What a byte may begin or end; most do nothing and are passed over. */
const separator = 1
const at = 2
const slash = 3
const high = 4

const kinds = new Uint8Array(256)
for (let code = 0; code < 256; code++) kinds[code] = kindOf(code)

function kindOf(code: number): number {
  const text = String.fromCharCode(code)
  if (code >= 128 || code === 0) return high
  if (/[=:,]/.test(text)) return separator
  if (text === '@') return at
  return text === '/' ? slash : 0
}

const specialAtStart = new RegExp(`^${special}`, 'i')
const domain = /^[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2}/
const webhook = 'hooks.slack.com/services'

/** Every line takes the careful way. */
export const watchAll: Watch = { concerns: () => true, look: () => true }

/**
 * Watches a line's bytes for what may be masked, without making a text of them. It may say yes too often (a line then
 * takes the careful way), never no too often: a test holds it to that.
 */
export function createMaskWatch(builtin: readonly string[]): Watch {
  const on = new Set(builtin)
  if (on.has('passports') || on.has('licences') || on.has('accounts')) return watchAll
  const hasSecrets = on.has('secrets')
  const isWatched = new Uint8Array(5)
  isWatched[high] = 1
  isWatched[at] = on.has('emails') ? 1 : 0
  isWatched[separator] = isWatched[slash] = hasSecrets ? 1 : 0
  const concernsByte = (byte: number) => isWatched[kinds[byte] as number] === 1
  const isSpecial = (first: number, second: number) =>
    specialPairs[first * 256 + second] === 1 || specialSeconds[first * 256 + second] === 1 || second === backslash
  const lookAt = (bytes: Uint8Array, start: number, index: number, end: number): boolean => {
    const kind = kinds[bytes[index] as number] as number
    if (isWatched[kind] !== 1) return false
    if (kind === high) return true
    return kind === at ? isAddress(bytes, start, index, end) : isSecret(kind, bytes, start, index, end)
  }
  // What stands before a second byte is known: most say that it ends nothing.
  const concernsSecond = (first: number, second: number) => {
    const kind = kinds[second]
    if (kind === separator && !isKeyEnd(first)) return false
    // `//` or `services/`
    return concernsByte(second) && (kind !== slash || first === 0x2f || first === 0x73)
  }
  const reasons = pairTable(
    (first, second) =>
      (concernsByte(first) ? firstByte : 0) |
      (concernsSecond(first, second) ? secondByte : 0) |
      (hasSecrets && isSpecial(first, second) ? aBeginning : 0),
  )
  const reasonsOf = (first: number, second: number) => reasons[first * 256 + second] as number
  return {
    concerns: (first, second) => reasonsOf(first, second) !== 0,
    look(bytes, start, index, end) {
      // Before the memory's first byte there is none.
      const why = reasonsOf(index < 0 ? 0 : (bytes[index] as number), bytes[index + 1] ?? 0)
      return (
        ((why & firstByte) !== 0 && index >= start && lookAt(bytes, start, index, end)) ||
        ((why & secondByte) !== 0 && index + 1 < end && lookAt(bytes, start, index + 1, end)) ||
        ((why & aBeginning) !== 0 && bearsSpecial(bytes, start, index, end))
      )
    },
    ...((on.has('cards') || on.has('rrn') || on.has('phones')) && { rows: { leastDigits: 9, look: endOfDigits } }),
  }
}

const backslash = 0x5c

/** Why a pair is looked at: for a byte of it, or as part of how a secret begins. */
const firstByte = 1
const secondByte = 2
const aBeginning = 4

function pairTable(worth: (first: number, second: number) => number): Uint8Array {
  return Uint8Array.from({ length: 1 << 16 }, (_, pair) => worth(pair >> 8, pair & 255))
}

/** Does a sign begin with the pair at `index`, or one byte before it, or with its second byte? */
function bearsSpecial(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  for (let from = Math.max(start, index - 1); from <= index + 1 && from < end; from++)
    if (
      specialPairs[(bytes[from] as number) * 256 + (bytes[from + 1] as number)] === 1 &&
      specialAtStart.test(slice(bytes, from, Math.min(end, from + 10)))
    )
      return true
  return false
}

function slice(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end)
}

function isSecret(kind: number, bytes: Uint8Array, start: number, index: number, end: number): boolean {
  if (kind === separator) {
    if (index === start || !isKeyEnd(bytes[index - 1] as number)) return false
    return bytesEndWithSecretWord(bytes, start, index)
  }
  // `://`, where a password ends with an @.
  if (bytes[index - 1] === 47 && bytes[index - 2] === 58) return hasAt(bytes, index, end)
  return bytes[index - 1] === 115 && slice(bytes, Math.max(start, index - webhook.length), index) === webhook
}

function hasAt(bytes: Uint8Array, from: number, end: number): boolean {
  const found = bytes.indexOf(64, from)
  return found !== -1 && found < end
}

function isAddress(bytes: Uint8Array, start: number, index: number, end: number): boolean {
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
  let countBeforeLed = 64
  let last = index
  let gap = 0
  let isFirst = true
  for (let next = index; next < end; next++) {
    const code = bytes[next] as number
    if (code >= zero && code <= nine) {
      if (isFirst && countBeforeLed === 64 && isLed(bytes, start, next)) countBeforeLed = count
      count++
      last = next
      gap = 0
      isFirst = false
      if (count >= 13 || count - countBeforeLed >= 9) return -1
    } else if (code === 32 || code === 45 || code === 46 || code === 40 || code === 41) {
      if (++gap > 3) break
      isFirst = true
    } else break
  }
  return last
}

function isLed(bytes: Uint8Array, start: number, index: number): boolean {
  const before = index > start ? bytes[index - 1] : 0
  return bytes[index] === zero || before === 43 || before === 40 || (bytes[index] === 56 && bytes[index + 1] === 50)
}
