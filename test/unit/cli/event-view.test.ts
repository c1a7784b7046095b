import { expect, test } from 'vitest'
import { createNews, withoutBackground } from '../../../cli/event-view.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { matchesQuery } from '../../../storage/query/matches.ts'
import { parseQuery } from '../../../storage/query/parse.ts'

const sample: ThumpEvent = {
  '@timestamp': '2026-11-22T17:14:07.000Z',
  event: { id: 'x', dataset: 'rabbitmq.event' },
  message: 'm',
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '0' },
}
const shown = (text: string, more: Partial<ThumpEvent>) => {
  const parsed = parseQuery(text)
  if (!parsed.ok) throw new Error(text)
  return matchesQuery(withoutBackground(parsed.query), { ...sample, ...more })
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
  expect(shown(query, more)).toBe(isShown)
})

test('live, evidence is news where it tells of a request; what a log line tells stands in that line', () => {
  const of = (attribution: string, tags?: string[]) =>
    createNews()({ ...sample, ...evidence, rabbitmq: { attribution }, ...(tags && { tags }) })
  expect([of('http-api'), of('amqp'), of('http-api', own.tags)]).toEqual([true, false, false])
})

test('live, a request that did or may have done several things is told once', () => {
  const isNews = createNews()
  const of = (id: string, line: string) =>
    isNews({
      ...sample,
      event: { id, dataset: 'rabbitmq.attribution' },
      rabbitmq: { attribution: 'http-api' },
      related: { evidence: line },
    })
  expect([of('created', 'line 1'), of('perhaps the password', 'line 1'), of('deleted', 'line 2')]).toEqual([
    true,
    false,
    true,
  ])
})
