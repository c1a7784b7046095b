import { expect, test } from 'vitest'
import { withoutBackground, withoutOwn } from '../../../cli/event-view.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { matchesQuery } from '../../../storage/query/matches.ts'
import { parseQuery } from '../../../storage/query/parse.ts'

const shown = (text: string, hide: typeof withoutOwn, more: Partial<ThumpEvent>) => {
  const parsed = parseQuery(text)
  if (!parsed.ok) throw new Error(text)
  const event: ThumpEvent = {
    '@timestamp': '2026-11-22T17:14:07.000Z',
    event: { id: 'x', dataset: 'rabbitmq.event' },
    message: 'm',
    service: { type: 'rabbitmq' },
    agent: { id: 'a', version: '0' },
    ...more,
  }
  return matchesQuery(hide(parsed.query), event)
}
const own = { tags: ['thump-internal'] }
const evidence = { event: { id: 'x', dataset: 'rabbitmq.attribution' } }

test.each([
  ['', own, false],
  ['m', own, false],
  ['m or tags: thump-internal', own, true],
  ['', evidence, false],
  ['event.dataset: rabbitmq.attribution', evidence, true],
  ['', {}, true],
])('“%s” on an event with %j: shown is %j', (query, more, isShown) => {
  expect(shown(query, withoutBackground, more)).toBe(isShown)
})

test('a live view shows evidence as it comes: its deed has been printed', () => {
  expect(shown('', withoutOwn, evidence)).toBe(true)
  expect(shown('', withoutOwn, own)).toBe(false)
})
