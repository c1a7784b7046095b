import { signs } from './signs.ts'
import { type SignedDetector, spansOf } from './detector.ts'

const pattern = /(?<!\d)(\d{6})( ?[-.] ?| )?([1-8]\d{6})(?!\d)/g

/**
 * Korean registration numbers of residents and foreigners: a real date, and the digit of sex and century. Written
 * without a hyphen, thirteen digits may also be a time or an order number: then the check digit must hold, unless the
 * number is of the kind that has none since October 2020.
 */
export const rrn: SignedDetector = {
  name: 'rrn',
  sign: signs.long,
  find: (_text, digits, standIn) =>
    spansOf(digits, pattern, (match) => {
      const [, birth = '', separator, rest = ''] = match
      const century = Number(rest[0])
      if (!isDate(birth, century)) return undefined
      const before = digits.slice(Math.max(0, match.index - 2), match.index)
      const after = digits.slice(match.index + match[0].length, match.index + match[0].length + 2)
      if (/\d[.]$/.test(before) || /^[.]\d/.test(after)) return undefined
      if (separator === undefined) {
        if (/[A-Za-z-]$/.test(before) || /^[A-Za-z-]/.test(after)) return undefined
        if (!hasCheckDigit(birth + rest) && !isWithoutCheckDigit(birth, century)) return undefined
      } else if (/[\d]-$/.test(before) || /^-\d/.test(after)) return undefined
      return { replace: standIn('rrn', birth + rest) }
    }),
}

const daysIn = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isDate(birth: string, century: number): boolean {
  const month = Number(birth.slice(2, 4))
  const day = Number(birth.slice(4, 6))
  if (day < 1 || day > (daysIn[month - 1] ?? 0)) return false
  if (month !== 2 || day < 29) return true
  const year = (century % 4 === 1 || century % 4 === 2 ? 1900 : 2000) + Number(birth.slice(0, 2))
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

const weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]

function hasCheckDigit(number: string): boolean {
  const sum = weights.reduce((total, weight, index) => total + weight * Number(number[index]), 0)
  const last = Number(number[12])
  return last === (11 - (sum % 11)) % 10 || (Number(number[6]) >= 5 && last === (13 - (sum % 11)) % 10)
}

/** Numbers given since then are random but for date and sex: to the newborn, and to foreigners of any age. */
function isWithoutCheckDigit(birth: string, century: number): boolean {
  const isOf2000s = century === 3 || century === 4 || century === 7 || century === 8
  if (isOf2000s && birth >= '201001' && birth < '500000') return true
  // 15… to 19…: thirteen digits that begin so are milliseconds since 1970 far more often.
  return century >= 5 && !/^1[5-9]/.test(birth)
}
