import type { Watch } from '../parse/formats/pair-scan.ts'
import { machineName } from './emails.ts'
import {
  bytesEndWithSecretWord,
  isKeyEnd,
  isSpecialFirst,
  special,
  specialPairs,
  specialSeconds,
} from './secret-signs.ts'

const specialAtStart = new RegExp(`^${special}`, 'i')
const domain = /^[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2}/
const webhook = new TextEncoder().encode('hooks.slack.com/services')
/** Where in it pairs stand that are seldom elsewhere: `m/` and `/s`, at an even place and at an odd one. */
const webhookPairs = [14, 15]

/** Every line takes the careful way. */
export const watchAll: Watch = { concerns: () => true, look: () => true }

/**
 * Watches a line's bytes for what may be masked, without making a text of them. It may say yes too often (a line then
 * takes the careful way), never no too often: a test holds it to that.
 */
export function createMaskWatch(builtin: readonly string[]): Watch {
  const on = new Set(builtin)
  if (on.has('passports') || on.has('licences') || on.has('accounts')) return watchAll
  const reasons = reasonsOf(on.has('secrets'), on.has('emails'))
  const concerns = (first: number, second: number) => reasons[first * 256 + second] as number
  return {
    concerns: (first, second) => (concerns(first, second) & ~(separatorFirst | goesOn)) !== 0,
    behind: [
      { endsWith: isKeyEnd, concerns: (first, second) => (concerns(first, second) & separatorFirst) !== 0 },
      { endsWith: isSpecialFirst, concerns: (first, second) => (concerns(first, second) & goesOn) !== 0 },
    ],
    look(bytes, start, index, end) {
      // Before the memory's first byte there is none.
      const why = concerns(index < 0 ? 0 : (bytes[index] as number), bytes[index + 1] ?? 0)
      return (
        ((why & separatorSecond) !== 0 && index >= start && bytesEndWithSecretWord(bytes, start, index + 1)) ||
        ((why & separatorFirst) !== 0 && isNameBefore(bytes, start, index)) ||
        ((why & (aBeginning | goesOn)) !== 0 && bearsSpecial(bytes, start, index, end)) ||
        ((why & aSlash) !== 0 && isUrl(bytes, start, index, end)) ||
        ((why & anAt) !== 0 && isAddressIn(bytes, start, index, end)) ||
        ((why & unknown) !== 0 && isUnknownIn(bytes, start, index, end))
      )
    },
    ...((on.has('cards') || on.has('rrn') || on.has('phones')) && { rows: { leastDigits: 9, look: endOfDigits } }),
  }
}

/** Why a pair is looked at: most are for nothing, and passed over. */
const unknown = 1
const anAt = 2
const separatorFirst = 4
const separatorSecond = 8
const aSlash = 16
const aBeginning = 32
const goesOn = 64

const [slash, colon, at, backslash] = [0x2f, 0x3a, 0x40, 0x5c]
const separators = [0x3d, colon, 0x2c]
const isUnknown = (byte: number) => byte >= 128 || byte === 0

/** Written by what has a reason, not asked of each of the 65,536 pairs: every start of an agent waits for it. */
function reasonsOf(hasSecrets: boolean, hasEmails: boolean): Uint8Array {
  const reasons = new Uint8Array(1 << 16)
  const add = (pair: number, reason: number) => (reasons[pair] = (reasons[pair] as number) | reason)
  for (let byte = 0; byte < 256; byte++) {
    if (isUnknown(byte)) reasons.fill(unknown, byte * 256, byte * 256 + 256)
    reasons[byte * 256] = unknown
    reasons.fill(unknown, byte * 256 + 128, byte * 256 + 256)
  }
  for (let other = 0; other < 256; other++) {
    if (hasEmails) for (const pair of [at * 256 + other, other * 256 + at]) add(pair, anAt)
    if (!hasSecrets) continue
    for (const separator of separators) {
      add(separator * 256 + other, separatorFirst)
      if (isKeyEnd(other)) add(other * 256 + separator, separatorSecond)
    }
    add(other * 256 + backslash, aBeginning)
  }
  if (!hasSecrets) return reasons
  for (const first of [slash, colon]) add(first * 256 + slash, aSlash)
  for (const place of webhookPairs) add((webhook[place] as number) * 256 + (webhook[place + 1] as number), aSlash)
  for (const [pairs, reason] of [
    [specialPairs, aBeginning],
    [specialSeconds, goesOn],
  ] as const)
    for (let pair = pairs.indexOf(1); pair !== -1; pair = pairs.indexOf(1, pair + 1)) add(pair, reason)
  return reasons
}

function isNameBefore(bytes: Uint8Array, start: number, index: number): boolean {
  return index > start && isKeyEnd(bytes[index - 1] as number) && bytesEndWithSecretWord(bytes, start, index)
}

function isUnknownIn(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  return (
    (index >= start && isUnknown(bytes[index] as number)) || (index + 1 < end && isUnknown(bytes[index + 1] as number))
  )
}

function isAddressIn(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  return (
    (index >= start && bytes[index] === at && isAddress(bytes, start, index, end)) ||
    (index + 1 < end && bytes[index + 1] === at && isAddress(bytes, start, index + 1, end))
  )
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

/** `://`, where a password ends with an @; or a webhook, whose address is the secret. */
function isUrl(bytes: Uint8Array, start: number, index: number, end: number): boolean {
  const next = bytes[index + 1] as number
  if (next === slash) {
    const isScheme = bytes[index] === colon ? bytes[index + 2] === slash : index > 0 && bytes[index - 1] === colon
    if (isScheme && hasAt(bytes, index, end)) return true
  }
  return webhookPairs.some((place) => index - place >= start && isWebhook(bytes, index - place))
}

function isWebhook(bytes: Uint8Array, from: number): boolean {
  return webhook.every((byte, index) => bytes[from + index] === byte)
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
