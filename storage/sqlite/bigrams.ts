import { fold } from '../query/matches.ts'

const isAscii = /^[\0-\x7f]*$/

/** Signs and spaces end the tokenizer's words: they stand in tokens as letters for private use. */
const signs = 0xe000
const names: readonly string[] = Array.from({ length: 128 }, (_, code) =>
  isAlphanumeric(code) ? String.fromCharCode(code) : String.fromCharCode(signs + code),
)

/** Stands for letters that are such signs themselves; what asks for one of these is not the index's to answer. */
const odd = '\ufffd'
const isOdd = /[\ue000-\ue07f\ufffd]|\p{Cs}/u

/**
 * Text as overlapping pairs of characters, for the full-text index: a phrase of pairs is found exactly where the text has
 * these characters one after another, in Korean and Japanese, in identifiers and over words as well as within one.
 */
export function bigrams(text: string): string {
  if (isAscii.test(text)) return asciiPairs(text.toLowerCase())
  return pairs(fold(text)).join(' ')
}

/** The index's own question for a text; undefined where the text is shorter than a pair, or odd. */
export function bigramQuery(text: string): string | undefined {
  const found = pairs(fold(text))
  return found.length === 0 || isOdd.test(text) ? undefined : `"${found.join(' ')}"`
}

function pairs(text: string): string[] {
  const letters = Array.from(text, (letter) => names[letter.codePointAt(0) ?? 0] ?? (isOdd.test(letter) ? odd : letter))
  return letters.slice(1).map((letter, index) => `${letters[index]}${letter}`)
}

/** The same for what most logs are made of, several times faster. */
function asciiPairs(lower: string): string {
  let found = ''
  let last = names[lower.charCodeAt(0)]
  for (let at = 1; at < lower.length; at++) {
    const next = names[lower.charCodeAt(at)]
    found += at === 1 ? `${last}${next}` : ` ${last}${next}`
    last = next
  }
  return found
}

function isAlphanumeric(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57)
}
