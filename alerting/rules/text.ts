/** Both sides of every text comparison pass through here: NFC, then Unicode simple case folding. */
export function foldText(text: string): string {
  if (isAscii(text)) return text.toLowerCase()
  let folded = ''
  for (const character of text.normalize('NFC')) folded += foldCharacter(character)
  return folded
}

/** A `.cased` comparison: NFC only. */
export function normalText(text: string): string {
  return isAscii(text) ? text : text.normalize('NFC')
}

function foldCharacter(character: string): string {
  // The dotless i and the dotted capital I have no simple folding.
  if (character === '\u0131' || character === '\u0130') return character
  const upper = character.toUpperCase()
  const lower = (isOne(upper) ? upper : character).toLowerCase()
  return isOne(lower) ? lower : character
}

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && text.codePointAt(0) !== text.charCodeAt(0))
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false
  return true
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
export function plainAddress(text: string): string {
  if (text.charCodeAt(0) !== 58) return text
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(text)
  return mapped?.[1] ?? text
}

/** At most `limit` code points, the cut shown. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text
  let cut = ''
  let count = 0
  for (const character of text) {
    if (count === limit) return `${cut}…`
    cut += character
    count++
  }
  return cut
}
