import { expect, test } from 'vitest'
import { daysBetween } from '../../../cli/export-days.ts'

const now = Date.parse('2026-11-27T10:00:00Z')

test.each([
  ['2026-11-24', '2026-11-25', ['2026-11-24', '2026-11-25']],
  ['2026-11-24', undefined, ['2026-11-24', '2026-11-25', '2026-11-26']],
  ['2d', undefined, ['2026-11-25', '2026-11-26']],
  ['yesterday', 'today', ['2026-11-26', '2026-11-27']],
  ['today', undefined, ['2026-11-27']],
  ['2026-02-28', '2026-03-01', ['2026-02-28', '2026-03-01']],
])('from %s to %s', (from, to, expected) => {
  expect(daysBetween(from, to, now)).toEqual(expected)
})

test.each([
  ['2026-11-24T10:00', undefined, /--from 2026-11-24T10:00 is no day/],
  ['soon', undefined, /--from soon is no day/],
  ['2026-11-24', 'x', /--to x is no day/],
  ['2026-11-24', '2026-11-23', /--to 2026-11-23 is before --from 2026-11-24/],
  ['0001-01-01', undefined, /3660 are the most/],
])('from %s to %s is refused with the reason', (from, to, message) => {
  expect(daysBetween(from, to, now)).toMatch(message)
})
