import { secretWords } from './secrets.ts'

/** What shows a secret by itself, by its beginning. */
export const special = String.raw`(?:A[KS]IA|AIza|bearer\s|basic\s|eyJ|gh[pousr]_|glpat-|xox[abeprs]-|<<0,|-----BEG|\\0|\{amqp_para)`

/** The first two characters of each of those: a look without making a text. */
export const specialPairs = new Uint8Array(65_536)
for (const pair of 'AK AS AI BE Be bE be BA Ba bA ba EY Ey eY ey GH gh gL gl GL XO xO xo << -- \\0 {a {A'.split(' '))
  specialPairs[pair.charCodeAt(0) * 256 + pair.charCodeAt(1)] = 1

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

function isLetter(code: number): boolean {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}
