import { expect, test } from 'vitest'
import type { ThumpEvent } from '../../../../event/event.ts'
import { matchesQuery } from '../../../../storage/query/matches.ts'
import { relatedTo } from '../../../../storage/query/related.ts'

const eventOf = (extra: Partial<ThumpEvent>): ThumpEvent => ({
  '@timestamp': '2026-11-24T10:00:00.000Z',
  event: { id: 'x', dataset: 'rabbitmq.log' },
  message: '',
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '0' },
  ...extra,
})
const isRelated = (event: ThumpEvent, other: Partial<ThumpEvent>) => {
  const around = relatedTo(event)
  return around !== undefined && matchesQuery(around.query, eventOf(other))
}

test('of the same connection, by its name or its process, whoever did it', () => {
  const event = eventOf({ rabbitmq: { connection: 'a -> b', pid: '<0.1.0>', queue: 'q' }, user: { name: 'app' } })
  expect(isRelated(event, { rabbitmq: { connection: 'a -> b' }, user: { name: 'other' } })).toBe(true)
  expect(isRelated(event, { rabbitmq: { pid: '<0.1.0>' } })).toBe(true)
  expect(isRelated(event, { rabbitmq: { queue: 'q' }, user: { name: 'app' } })).toBe(false)
})

test('without a connection of the same queue, else of the same user, else nothing', () => {
  const event = eventOf({ rabbitmq: { queue: 'order*' }, user: { name: 'app' } })
  expect(isRelated(event, { rabbitmq: { queue: 'order*' } })).toBe(true)
  expect(isRelated(event, { rabbitmq: { queue: 'orders' } })).toBe(false)
  expect(isRelated(eventOf({ user: { name: 'app' } }), { user: { name: 'app' } })).toBe(true)
  expect(relatedTo(eventOf({}))).toBeUndefined()
})

test('an hour before and after', () => {
  const range = relatedTo(eventOf({ user: { name: 'app' } }))?.range
  expect(new Date(range?.sinceMs ?? 0).toISOString()).toBe('2026-11-24T09:00:00.000Z')
  expect(new Date(range?.untilMs ?? 0).toISOString()).toBe('2026-11-24T11:00:00.001Z')
})
