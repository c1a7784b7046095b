import { secretWords } from './secrets.ts'

/** What shows a secret by itself, by its beginning. */
export const special = String.raw`(?:A[KS]IA|AIza|bearer\s|basic\s|eyJ|gh[pousr]_|glpat-|xox[abeprs]-|<<0,|-----BEG|\\0|\{amqp_para)`

/** How those begin. */
const beginnings = 'AKI ASI AIz bea bas eyJ ghp gho ghu ghs ghr glp xox <<0 --- {am'.split(' ')

/** Their first two characters, and their second and third: a look at two, without making a text. */
export const specialPairs = pairsOf(0)
export const specialSeconds = pairsOf(1)

const firsts = new Set(beginnings.flatMap(([letter = '']) => [letter, letter.toUpperCase(), letter.toLowerCase()]))

export const isSpecialFirst = (byte: number): boolean => firsts.has(String.fromCharCode(byte))

function pairsOf(from: number): Uint8Array {
  const pairs = new Uint8Array(65_536)
  for (const text of beginnings) {
    // An access key's letters are large.
    const cases = text.startsWith('A') ? [text] : [text, text.toUpperCase(), text.toLowerCase()]
    for (const first of cases)
      for (const second of cases) pairs[first.charCodeAt(from) * 256 + second.charCodeAt(from + 1)] = 1
  }
  if (from === 0) pairs[0x5c * 256 + 0x30] = 1 // \0
  return pairs
}

const keyEnds = new Uint8Array(128)
for (const mark of 'deytnlswDEYTNLSW"\'\\> \t\n\r\f\v') keyEnds[mark.charCodeAt(0)] = 1

/** May this stand before a secret's separator: its name's last letter, a quote, a space of any kind, `>`? */
export function isKeyEnd(code: number): boolean {
  return code >= 128 || keyEnds[code] === 1
}

/** The last three letters of the names, in lower case; `pw` and `id` are short, and a number of 24 bits each. */
const endings = new Set(
  ['ord', 'swd', 'ase', 'ort', 'ret', 'ken', 'key', 'ial', 'als', 'ion', 'pwd', 'ass', 'kie'].map(codeOf),
)

/** By five bits of each of three letters: most names end otherwise, and an array says so sooner than a set. */
const mayBeEnding = new Uint8Array(1 << 15)
for (const code of endings) mayBeEnding[fiveBitsEach(code >> 16, (code >> 8) & 255, code & 255)] = 1

function fiveBitsEach(third: number, second: number, first: number): number {
  return ((third & 31) << 10) | ((second & 31) << 5) | (first & 31)
}

function codeOf(letters: string): number {
  return letters.split('').reduce((code, _, index) => code * 256 + letters.charCodeAt(index), 0)
}

const nameBefore = new RegExp(`(?:${secretWords})["'\\\\]{0,4}(?:>>)?\\s{0,4}$`, 'i')

/** Does a secret's name end before `end`, quotes, spaces and an Erlang binary's end between? */
export function endsWithSecretWord(text: string, end: number): boolean {
  let last = end - 1
  for (let skipped = 0; skipped < 12 && last >= 0 && !isLetter(text.charCodeAt(last)); skipped++) last--
  const [third, second, first] = [
    text.charCodeAt(last - 2) | 32,
    text.charCodeAt(last - 1) | 32,
    text.charCodeAt(last) | 32,
  ]
  // pw, id
  const isShort = (first === 119 && second === 112) || (first === 100 && second === 105)
  if (!isShort && !endings.has(third * 65_536 + second * 256 + first)) return false
  return nameBefore.test(text.slice(Math.max(0, end - 40), end))
}

/** The same of a line's bytes, whose text is made only where it is likely. */
export function bytesEndWithSecretWord(bytes: Uint8Array, start: number, end: number): boolean {
  let last = end - 1
  for (let skipped = 0; skipped < 12 && last >= start && !isLetter(bytes[last] as number); skipped++) last--
  const first = lower(bytes, start, last)
  const second = lower(bytes, start, last - 1)
  const third = lower(bytes, start, last - 2)
  const isShort = (first === 119 && second === 112) || (first === 100 && second === 105)
  if (!isShort) {
    if (mayBeEnding[fiveBitsEach(third, second, first)] === 0) return false
    if (!endings.has(third * 65_536 + second * 256 + first)) return false
  }
  // Of what ends in `ion`, only `authorization` is a secret's name: `duration` stands in every other line.
  if (third === 105 && second === 111 && first === 110 && lower(bytes, start, last - 5) !== 122) return false
  const from = Math.max(start, end - 40)
  return nameBefore.test(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', from, end))
}

function lower(bytes: Uint8Array, start: number, at: number): number {
  return at >= start ? (bytes[at] as number) | 32 : 0
}

function isLetter(code: number): boolean {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}
