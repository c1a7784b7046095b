import { fold } from '../query/matches.ts'

const run = /[\p{L}\p{N}]+/gu

/**
 * Text as overlapping pairs of characters, for the full-text index: a phrase of pairs finds any part of any word, in
 * Korean and Japanese and in identifiers as well as in English. A run of one character stands for itself.
 */
export function bigrams(text: string): string {
  const pairs: string[] = []
  for (const [word] of fold(text).matchAll(run)) {
    const characters = Array.from(word)
    if (characters.length === 1) pairs.push(word)
    for (let index = 0; index + 1 < characters.length; index++)
      pairs.push(`${characters[index]}${characters[index + 1]}`)
  }
  return pairs.join(' ')
}

/** The index's own question for a text; undefined where it has too little to ask the index. */
export function bigramQuery(text: string): string | undefined {
  const words = [...fold(text).matchAll(run)].map(([word]) => Array.from(word))
  // A single character may be the second of a pair: only looking at the text itself can tell.
  const pairs = words.filter((characters) => characters.length > 1).map((characters) => bigrams(characters.join('')))
  return pairs.length === 0 ? undefined : pairs.map((phrase) => `"${phrase}"`).join(' AND ')
}
