const spoken: Readonly<Record<string, string>> = {
  공: '0',
  영: '0',
  일: '1',
  이: '2',
  삼: '3',
  사: '4',
  오: '5',
  육: '6',
  륙: '6',
  칠: '7',
  팔: '8',
  구: '9',
}
/** The same syllables make ordinary words: only a long row of them is a number. */
export const fewestSpoken = 7
const spokenNumber = /[공영일이삼사오육륙칠팔구](?:[ -]?[공영일이삼사오육륙칠팔구]){6,}/g
/** After a mobile prefix the rest may be written either way. */
const spokenMobile = /공일[공일육칠팔구](?:[ .-]{0,2}[공영일이삼사오육륙칠팔구\d]){7,8}/g

/** Full-width and spoken Korean digits, dashes and spaces of all kinds, each made one ASCII character: positions stay. */
export function asciiDigits(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the range of ASCII itself
  if (!/[^\u0000-\u007f]/.test(text)) return text
  return text
    .replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
    .replace(/[\u2010-\u2015\u2212\uff0d\ufe58\ufe63\u30fc]/g, '-')
    .replace(/[\u00a0\u2000-\u200a\u202f\u3000]/g, ' ')
    .replace(/\uff0e/g, '.')
    .replace(/\uff0b/g, '+')
    .replace(/\uff08/g, '(')
    .replace(/\uff09/g, ')')
    .replace(spokenNumber, toDigits)
    .replace(spokenMobile, toDigits)
}

function toDigits(words: string): string {
  return words.replace(/[^ .\d-]/g, (word) => spoken[word] ?? word)
}
