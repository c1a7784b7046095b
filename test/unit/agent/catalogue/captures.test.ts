import { expect, test } from 'vitest'
import { capturesOf } from '../../../../agent/parse/catalogue/captures.ts'
import { entries } from '../../../../agent/parse/catalogue/entries.ts'

/** The named groups of a match, by place. */
function named(pattern: RegExp, text: string) {
  const { pattern: unnamed, names } = capturesOf(pattern)
  const found = unnamed.exec(text)
  return found && Object.fromEntries(names.flatMap((name, at) => (name === undefined ? [] : [[name, found[at + 1]]])))
}

test.each(entries)('row $entry $code captures by place what it captures by name: $sample', ({ pattern, sample }) => {
  expect(named(pattern, sample)).toEqual({ ...pattern.exec(sample)?.groups })
})

test.each([
  [/(a)(?<x>b)(?:c)(?<y>d)?/, 'abc'],
  [/(?<=a)(?<x>b)(?!c)[(?<z>](?<y>\(?)/, 'ab(('],
  [/\((?<x>[^)\]]*)\)/, '(a[b)'],
])('%s is read right', (pattern, text) => {
  expect(named(pattern, text)).toEqual({ ...pattern.exec(text)?.groups })
})
