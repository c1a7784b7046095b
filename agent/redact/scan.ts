import { machineName } from './emails.ts'
import { fewestSpoken } from './digits.ts'
import { signs } from './signs.ts'
import { endsWithSecretWord, isKeyEnd, special, specialPairs } from './secret-signs.ts'

const digit = 1
const separator = 2
const at = 3
const slash = 4
const letter = 5

const kinds = new Uint8Array(128)
for (let code = 0; code < 128; code++) kinds[code] = kindOf(code)

function kindOf(code: number): number {
  const text = String.fromCharCode(code)
  if (/\d/.test(text)) return digit
  if (/[=:,]/.test(text)) return separator
  if (text === '@') return at
  if (text === '/') return slash
  return code === 0 || /[ABbegx<{\\-]/.test(text) ? letter : 0
}

const specialAt = new RegExp(special, 'iy')
const domainAt = /[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2}/y
const webhook = 'hooks.slack.com/services'
const koreanWords = ['비밀번호', '암호', '패스워드'] as const
const spoken = new Set(Array.from('공영일이삼사오육륙칠팔구', (syllable) => syllable.charCodeAt(0)))
const mobilePrefix = /공일[공일육칠팔구]/y
/** Once digits are written otherwise, a number may be of any kind. */
const number = signs.wide | signs.long | signs.phone | signs.digits
const honorific = '님'.charCodeAt(0)

/** One pass over a text: which signs of something to mask it bears. It may see one too many, never one too few. */
export function signsOf(text: string): number {
  let found = 0
  let spokenAt = -9
  let spokenCount = 0
  const { length } = text
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code >= 128) {
      if (code === honorific) found |= signs.name
      else if (spoken.has(code)) {
        spokenCount = index - spokenAt <= 2 ? spokenCount + 1 : 1
        spokenAt = index
        if (spokenCount >= fewestSpoken || (spokenCount >= 3 && beginsMobile(text, index - 2))) found |= number
      } else if (isWide(code, text, index)) found |= number
      else if (endsKoreanWord(text, index)) found |= signs.secret
      continue
    }
    const kind = kinds[code] as number
    if (kind === 0) continue
    if (kind === digit) {
      const row = rowOfDigits(text, index)
      found |= row % 256
      index = Math.floor(row / 256)
    } else if (kind === at) {
      if ((found & signs.address) === 0 && isAddress(text, index)) found |= signs.address
    } else if ((found & signs.secret) === 0 && isSecret(kind, text, index)) found |= signs.secret
  }
  return found
}

function beginsMobile(text: string, index: number): boolean {
  mobilePrefix.lastIndex = index
  return mobilePrefix.test(text)
}

function endsKoreanWord(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  if (code !== 0xd638 && code !== 0xb4dc) return false
  return koreanWords.some((word) => text.startsWith(word, index - word.length + 1))
}

/** Full-width digits, and a dash or space of another kind beside a digit. */
function isWide(code: number, text: string, index: number): boolean {
  if (code >= 0xff10 && code <= 0xff19) return true
  const isMark =
    (code >= 0x2000 && code <= 0x2015) ||
    (code >= 0xfe58 && code <= 0xfe63) ||
    [0xa0, 0x202f, 0x2212, 0x3000, 0x30fc, 0xff0b, 0xff0d, 0xff0e].includes(code)
  return isMark && (isDigit(text, index - 1) || isDigit(text, index + 1))
}

function isSecret(kind: number, text: string, index: number): boolean {
  if (kind === separator) return isKeyEnd(text.charCodeAt(index - 1)) && endsWithSecretWord(text, index)
  if (kind === slash) {
    // `://`, where a password ends with an @.
    if (text.startsWith('://', index - 2)) return text.includes('@', index)
    return text.startsWith(webhook, index - webhook.length)
  }
  const code = text.charCodeAt(index)
  if (code === 0) return true
  if (specialPairs[code * 256 + (text.charCodeAt(index + 1) & 255)] === 0) return false
  specialAt.lastIndex = index
  return specialAt.test(text)
}

function isAddress(text: string, index: number): boolean {
  domainAt.lastIndex = index + 1
  if (!domainAt.test(text)) return false
  const local = /[\w.%+-]+$/.exec(text.slice(Math.max(0, index - 64), index))?.[0]
  return local !== undefined && !machineName.test(local)
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 48 && code <= 57
}

/**
 * The row of digits at `index`, up to three marks between two of them: 256 times its last place, and its signs. Thirteen
 * digits may be a card or a person's number; nine from a 0, a +, a ( or the country's 82 on a phone's.
 */
function rowOfDigits(text: string, index: number): number {
  let count = 0
  let countBeforeLed = Infinity
  let last = index
  let gap = 0
  for (let next = index; next < text.length && gap <= 3; next++) {
    const code = text.charCodeAt(next)
    if (code >= 48 && code <= 57) {
      if ((next === index || gap > 0) && countBeforeLed === Infinity && isLed(text, next)) countBeforeLed = count
      count++
      last = next
      gap = 0
    } else if (code === 32 || code === 45 || code === 46 || code === 40 || code === 41) gap++
    else break
  }
  const found =
    (count >= 3 ? signs.digits : 0) | (count >= 13 ? signs.long : 0) | (count - countBeforeLed >= 9 ? signs.phone : 0)
  return last * 256 + found
}

function isLed(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  if (code === 48 || (code === 56 && text.charCodeAt(index + 1) === 50)) return true
  const before = index > 0 ? text.charCodeAt(index - 1) : 0
  return before === 43 || before === 40
}
