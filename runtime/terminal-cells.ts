const isWide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** How many cells of a terminal a character takes: East Asian ones take two. */
export function cellsOf(character: string): number {
  return isWide.test(character) ? 2 : 1
}

/** The same of a whole text. */
export function widthOf(text: string): number {
  let cells = 0
  for (const character of text) cells += cellsOf(character)
  return cells
}
