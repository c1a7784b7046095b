import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPairScan, type Watch } from '../../../../agent/parse/formats/pair-scan.ts'

const code = (letter: string) => letter.charCodeAt(0)

/** Notes the places of the pairs that it is asked to look at. */
function noting(watch: Omit<Watch, 'look'>, places: number[]): Watch {
  return {
    ...watch,
    look: (_bytes, _start, index) => {
      places.push(index)
      return false
    },
  }
}

/** `ab` always, `cd` behind a pair that ends with `x`, `ef` behind one that ends with `y`. */
const isAlways = (first: number, second: number) => first === code('a') && second === code('b')
const isBehindX = (first: number, second: number) => first === code('c') && second === code('d')
const isBehindY = (first: number, second: number) => first === code('e') && second === code('f')
const watch: Omit<Watch, 'look'> = {
  concerns: isAlways,
  behind: [
    { endsWith: (byte) => byte === code('x'), concerns: isBehindX },
    { endsWith: (byte) => byte === code('y'), concerns: isBehindY },
  ],
}

/** One pair a step, as the words say it. */
function slowly(bytes: Uint8Array, start: number, end: number): number[] {
  const places: number[] = []
  const first = start - (start % 2)
  for (let at = first; at < end; at += 2) {
    const [one, two] = [bytes[at] ?? 0, bytes[at + 1] ?? 0]
    const before = at > first ? bytes[at - 1] : undefined
    if (
      isAlways(one, two) ||
      (before === code('x') && isBehindX(one, two)) ||
      (before === code('y') && isBehindY(one, two))
    )
      places.push(at)
  }
  return places
}

const piece = fc.constantFrom('ab', 'cd', 'ef', '.x', '.y', '..', '.', '....')
const texts = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''))

test('every pair that a watch asks for is looked at once and in order, and no other, from any place to any place', () => {
  const [ofFirst, ofSecond]: [number[], number[]] = [[], []]
  const scan = createPairScan([noting({ concerns: isAlways }, ofFirst), noting(watch, ofSecond)])
  fc.assert(
    fc.property(texts, fc.nat(3), fc.nat(3), (text, skipped, left) => {
      const bytes = new Uint8Array(Buffer.from(`${text}  `))
      const start = Math.min(skipped, text.length)
      const end = Math.max(start, text.length - left)
      ofFirst.length = ofSecond.length = 0
      expect(scan(bytes, start, end)).toBe(0)
      const expected = slowly(bytes, start, end)
      expect(ofSecond).toEqual(expected)
      expect(ofFirst).toEqual(expected.filter((at) => isAlways(bytes[at] ?? 0, bytes[at + 1] ?? 0)))
    }),
    { numRuns: 500 },
  )
})
