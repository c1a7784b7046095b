import fc from 'fast-check'
import { expect, test } from 'vitest'
import { needlesOf } from '../../../../agent/parse/formats/needles.ts'
import { createNeedleWatch } from '../../../../agent/parse/formats/needle-watch.ts'
import { createPairScan, createScan, needsEscape, type Watch } from '../../../../agent/parse/formats/pair-scan.ts'

test.each([
  [/(?:Created|Deleted) user '(?<target>[^'\n]*)'/, "Created user '|Deleted user '"],
  [/^(?:rabbit on )?node (?<peer>\S+@\S+) up\b/m, 'rabbit on node |node '],
  [/\*\* Node '?(?<peer>\S+?)'? not responding \*\*/, "' not responding **| not responding **"],
  [
    /missed heartbeats, timeout: \d+s|\{heartbeat_timeout,running\}/,
    'missed heartbeats, timeout: |{heartbeat_timeout,running}',
  ],
  [/a{2}bc?d*/, 'a'],
  [/(?=ahead)long enough/, 'long enough'],
  [/(?!never)x/, 'x'],
  [/first\nsecond line/, 'second line'],
  [/\d+|word/, ''],
  [/word/i, ''],
])('%s demands %s', (pattern, expected) => {
  expect((needlesOf(pattern) ?? []).join('|')).toBe(expected)
})

test('a scan finds what includes() finds, wherever it stands, and beside another watch as well', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: 3, maxLength: 7 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '1', '9', '.', '"', 'é'), maxLength: 60 })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), text, fc.nat(3), (needles, inside, before) => {
      const watch = createNeedleWatch(needles, 'abba cab')
      // Rows of blanks alone have no pair to look for.
      if (!watch) return
      const bytes = Buffer.from(`${'abca'.slice(0, before)}abc${inside}abc`)
      const [start, end] = [before + 3, bytes.length - 3]
      const isThere = needles.some((needle) => inside.includes(needle))
      expect(createScan(watch)(bytes, start, end)).toBe(isThere)
      const found = createPairScan([watch, other])(bytes, start, end)
      if ((found & 2) === 0) {
        expect((found & 1) === 1).toBe(isThere)
        expect((found & needsEscape) !== 0).toBe(inside.includes('"'))
      }
      expect((found & 2) !== 0).toBe(inside.includes('é') || hasLongRow(inside))
    }),
    { numRuns: 150 },
  )
})

/** An `é`, or three digits of which one is a 9. */
const other: Watch = {
  concerns: (first, second) => first === 0xc3 || second === 0xc3,
  look: (bytes, start, index, end) =>
    (index >= start && bytes[index] === 0xc3) || (index + 1 < end && bytes[index + 1] === 0xc3),
  rows: {
    leastDigits: 3,
    look(bytes, _start, index, end) {
      const row = /^\d(?:[ .()-]{0,3}\d)*/.exec(Buffer.from(bytes).toString('latin1', index, end))?.[0] ?? ''
      return hasLongRow(row) ? -1 : index + Math.max(1, row.length) - 1
    },
  },
}
const hasLongRow = (text: string) =>
  (text.match(/\d(?:[ .()-]{0,3}\d)*/g) ?? []).some((row) => row.includes('9') && row.replaceAll(/\D/g, '').length >= 3)

test('memory of an odd length is looked at to its last byte', () => {
  const scan = createScan(createNeedleWatch(['abc'], '') as Watch)
  const memory = new Uint8Array(Buffer.from('xxxxabc')).slice().buffer
  expect(scan(new Uint8Array(memory), 0, 7)).toBe(true)
  expect(scan(new Uint8Array(memory), 0, 6)).toBe(false)
  expect(scan(new Uint8Array(memory, 1), 0, 6)).toBe(true)
})

test('a needle too short to look for is none', () => {
  expect(createNeedleWatch(['ab', 'long'], '')).toBe(undefined)
})
