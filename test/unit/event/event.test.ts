import { expect, test } from 'vitest'
import { decodeEvent, encodeEvent, streamKey } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { canonicalJson, derivedEventId, exchangeEventId, logEventId } from '../../../event/ids.ts'

const event: ThumpEvent = {
  '@timestamp': '2026-11-22T16:45:37.463971Z',
  event: { id: 'a', dataset: 'rabbitmq.log' },
  message: '큐',
  service: { type: 'rabbitmq' },
  agent: { id: 'x', version: '0' },
}

test('what is encoded decodes to the same event, with id and schema in the headers and the event time on the record', () => {
  const record = encodeEvent({ topic: 'APP', key: 'n/log', event })
  expect(record.headers).toEqual({ schema: '1', id: 'a' })
  expect(record.timestampMs).toBe(Date.parse('2026-11-22T16:45:37.463Z'))
  expect(decodeEvent(record.value)).toEqual({ kind: 'event', event })
})

test.each([
  ['not json', 'not-json'],
  ['[1]', 'not-an-object'],
  ['null', 'not-an-object'],
  ['{"@timestamp":"2026-01-01T00:00:00Z"}', 'no-id'],
  ['{"event":{"id":""},"@timestamp":"2026-01-01T00:00:00Z"}', 'no-id'],
  ['{"event":{"id":"a"},"@timestamp":"yesterday"}', 'no-time'],
])('%s is invalid: %s', (text, reason) => {
  expect(decodeEvent(Buffer.from(text))).toEqual({ kind: 'invalid', reason })
})

test('the key of a file is its absolute path without the first slash, below its node', () => {
  expect(streamKey('rabbit@mq1', '/var/log/rabbitmq/r.log')).toBe('rabbit@mq1/var/log/rabbitmq/r.log')
})

test('an exchange event has the same id whatever order its headers came in, and another when anything differs', () => {
  const id = (headers: Record<string, unknown>, at = 1) => exchangeEventId('c', 'queue.deleted', at, headers)
  expect(id({ a: 1, b: [2, { c: 3, d: 4 }] })).toBe(id({ b: [2, { d: 4, c: 3 }], a: 1 }))
  expect(new Set([id({ a: 1 }), id({ a: 2 }), id({ a: 1 }, 2), id({})]).size).toBe(4)
})

test('parts of an id do not run into one another', () => {
  expect(derivedEventId('ab', 'c', 1)).not.toBe(derivedEventId('a', 'bc', 1))
})

test('a log event names agent, generation and offset, so that no two lines share one', () => {
  expect(logEventId('agent', 'gen', 36)).toBe('agent-gen-10')
})

test('canonical JSON sorts keys, leaves out undefined and carries buffers and big integers', () => {
  expect(canonicalJson({ b: undefined, z: 1n, a: Buffer.from('x') })).toBe('{"a":"eA==","z":1}')
})
