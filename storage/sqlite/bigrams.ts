import { fold } from '../query/matches.ts'

const run = /[\p{L}\p{N}]+/gu
const ascii = /^[\0-\x7f]*$/

/** A token that stands between two words whose pairs would read as one word's: "ab bc" must not be found as "abc". */
const border = '\u00b7'

/**
 * Text as overlapping pairs of characters, for the full-text index: a phrase of pairs finds any part of any word, in
 * Korean and Japanese and in identifiers as well as in English. A run of one character stands for itself.
 */
export function bigrams(text: string): string {
  return ascii.test(text) ? asciiTokens(text) : tokens(text).join(' ')
}

export interface BigramQuery {
  /** One phrase in the index's own language. */
  readonly match: string
  /** The index alone decides; else it only narrows, since it does not know what stands between words. */
  readonly isExact: boolean
}

/** The index's question for a text; undefined where the text has too little to ask the index. */
export function bigramQuery(text: string): BigramQuery | undefined {
  const words = [...fold(text).matchAll(run)].map(([word]) => word)
  // At either end a single character may be half of a pair: only the text itself can tell.
  while (words.length > 0 && isSingle(words[0])) words.shift()
  while (words.length > 0 && isSingle(words.at(-1))) words.pop()
  if (words.length === 0) return undefined
  return { match: `"${tokens(words.join(' ')).join(' ')}"`, isExact: words.length === 1 && words[0] === fold(text) }
}

function isSingle(word: string | undefined): boolean {
  return word !== undefined && Array.from(word).length === 1
}

function tokens(text: string): string[] {
  const found: string[] = []
  let last: string | undefined
  for (const [word] of fold(text).matchAll(run)) {
    const characters = Array.from(word)
    if (characters[0] === last) found.push(border)
    last = characters.at(-1)
    if (characters.length === 1) found.push(word)
    for (let index = 0; index + 1 < characters.length; index++)
      found.push(`${characters[index]}${characters[index + 1]}`)
  }
  return found
}

/** The same for what most logs are made of, several times faster. */
function asciiTokens(text: string): string {
  const lower = text.toLowerCase()
  let found = ''
  let last = 0
  for (let at = 0; at < lower.length; ) {
    if (!isAlphanumeric(lower.charCodeAt(at))) {
      at++
      continue
    }
    if (lower.charCodeAt(at) === last) found += `${border} `
    let end = at + 1
    while (end < lower.length && isAlphanumeric(lower.charCodeAt(end))) end++
    last = lower.charCodeAt(end - 1)
    if (end === at + 1) found += `${lower[at]} `
    for (; at + 1 < end; at++) found += `${lower[at]}${lower[at + 1]} `
    at = end
  }
  return found.trimEnd()
}

function isAlphanumeric(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57)
}
