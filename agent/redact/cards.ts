import { signs } from './signs.ts'
import type { SignedDetector, Span } from './detector.ts'

const run = /\d(?:[ .-]?\d){12,}/g

/** Lengths by leading digits, all brands; the Luhn check alone lets one of ten numbers through. */
const brands: ReadonlyArray<readonly [RegExp, readonly number[]]> = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:36|38|39|30[0-5])/, [14, 16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 17, 18, 19]],
  [/^(?:6011|64[4-9]|65)/, [16, 17, 18, 19]],
  [/^(?:62|81)/, [16, 17, 18, 19]],
  [/^220[0-4]/, [16, 17, 18, 19]],
  [/^(?:60|82|508|353|356)/, [16]],
  [/^(?:5018|5020|5038|5612|5893|6304|6759|676[1-3])/, [13, 14, 15, 16, 17, 18, 19]],
  [/^(?:9792|94)/, [16]],
]

/** Card numbers: a brand's digits and length, and the Luhn check. The first six and the last four digits stay. */
export const cards: SignedDetector = {
  name: 'cards',
  sign: signs.long,
  find(_text, digits) {
    const spans: Span[] = []
    run.lastIndex = 0
    for (let match = run.exec(digits); match; match = run.exec(digits)) {
      const before = digits.slice(Math.max(0, match.index - 2), match.index)
      // The tail of a decimal fraction, or of a longer word of letters and digits.
      if (/\d[.]$|[A-Za-z]$/.test(before)) continue
      spans.push(...cardsIn(match[0], match.index))
    }
    return spans
  },
}

/** Tried from each beginning of a group to each end of one, longest first. */
function cardsIn(text: string, at: number): Span[] {
  const spans: Span[] = []
  for (let start = 0; start < text.length; start++) {
    if (!isDigit(text, start) || isDigit(text, start - 1) || !leads.has(text[start] ?? '')) continue
    const found = cardAt(text, start)
    if (!found || isFraction(text, start, found.end)) continue
    const { number, end } = found
    const replace = `${number.slice(0, 6)}${'*'.repeat(number.length - 10)}${number.slice(-4)}`
    spans.push({ start: at + start, end: at + end, replace })
    start = end
  }
  return spans
}

/** Dots part a card's groups of four; any other dot is a decimal fraction's or a version's. */
function isFraction(text: string, start: number, end: number): boolean {
  const written = text.slice(start, end)
  return (text[start - 1] === '.' || written.includes('.')) && !/^\d{4}(?:\.\d{4}){2}\.\d{1,7}$/.test(written)
}

const leads = new Set('2345689'.split(''))

function cardAt(text: string, start: number): { number: string; end: number } | undefined {
  let number = ''
  let found: { number: string; end: number } | undefined
  for (let end = start + 1; end <= text.length && number.length < 19; end++) {
    if (!isDigit(text, end - 1)) continue
    number += text[end - 1]
    if (number.length >= 13 && !isDigit(text, end) && isCard(number)) found = { number, end }
  }
  return found
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 48 && code <= 57
}

function isCard(number: string): boolean {
  return (
    brands.some(([lead, lengths]) => lead.test(number) && lengths.includes(number.length)) &&
    passesLuhn(number) &&
    !/^(\d)\1+$/.test(number)
  )
}

function passesLuhn(number: string): boolean {
  let sum = 0
  for (let index = 0; index < number.length; index++) {
    const digit = number.charCodeAt(number.length - 1 - index) - 48
    const doubled = index % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
