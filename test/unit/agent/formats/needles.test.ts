import fc from 'fast-check'
import { expect, test } from 'vitest'
import { needlesOf } from '../../../../agent/parse/formats/needles.ts'
import { createScan } from '../../../../agent/parse/formats/scan.ts'

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

test('a scan finds what includes() finds, wherever it stands', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), minLength: 3, maxLength: 7 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é'), maxLength: 60 })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), text, (needles, inside) => {
      const bytes = Buffer.from(`abc${inside}abc`)
      expect(createScan(needles)(bytes, 3, bytes.length - 3)).toBe(needles.some((needle) => inside.includes(needle)))
    }),
    { numRuns: 2000 },
  )
})

test('a needle too short to look for lets everything through', () => {
  expect(createScan(['ab', 'long'])(Buffer.from('x'), 0, 1)).toBe(true)
})
