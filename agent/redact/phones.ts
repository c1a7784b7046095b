import { signs } from './signs.ts'
import { type SignedDetector, type Span, spansOf, withoutOverlaps } from './detector.ts'

const mobile = /(?<!\d)(?:\+?82[ .-]?(?:\(0\) ?)?0?|0)1[016789]([ .)-]{0,2})\d{3,4}([ .-]?)\d{4}(?!\d)/g
const landline =
  /(?<!\d)(?:\+?82[ .-]?\(?0?|\(?0)(?:2|[3-6][1-5]|70|50[2-8]|60|80)\)?[ .)-]{1,2}\d{3,4}[ .-]\d{4}(?!\d)/g
const international = /(?<![\w+])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}(?!\d)/g
const american = /(?<![\w(])\(\d{3}\) ?\d{3}-\d{4}(?!\d)/g

/** Of an international number, with its country. */
const maxLength = 15
const lengthOf = (text: string) => text.replace(/\D/g, '').length

/** Phone numbers: Korean in any writing, international with their +, and (555) 123-4567. */
export const phones: SignedDetector = {
  name: 'phones',
  sign: signs.phone,
  find(_text, digits, standIn) {
    const spans: Span[] = []
    const put = (match: RegExpExecArray) => ({ replace: standIn('phones', match[0].replace(/\D/g, '')) })
    spans.push(...spansOf(digits, mobile, (match) => (isInsideWord(digits, match) ? undefined : put(match))))
    spans.push(...spansOf(digits, landline, (match) => (isInsideWord(digits, match) ? undefined : put(match))))
    spans.push(
      ...spansOf(digits, international, (match) => {
        // What follows after a space may be the next number.
        let found = match[0]
        while (lengthOf(found) > maxLength && found.includes(' ')) found = found.slice(0, found.lastIndexOf(' '))
        if (lengthOf(found) < 9 || lengthOf(found) > maxLength) return undefined
        return { ...put(match), start: match.index, end: match.index + found.length }
      }),
    )
    spans.push(...spansOf(digits, american, put))
    return withoutOverlaps(spans)
  },
}

/** A row of hex digits, a uuid's or a longer number's group is no phone number; `phone01012345678` is one. */
function isInsideWord(digits: string, { index, 0: found, 1: separator }: RegExpExecArray): boolean {
  const before = digits.slice(Math.max(0, index - 12), index)
  const after = digits.slice(index + found.length, index + found.length + 2)
  if (/\d[.-]$/.test(before) || /^[.-]\d/.test(after)) return true
  if (separator !== '' || /(?:phone|mobile|tel|cell|hp|번호)[_-]?$/i.test(before)) return false
  return /[A-Za-z0-9_-]$/.test(before) || /^[A-Za-z_]/.test(after) || /^-[0-9a-f]/i.test(after)
}
