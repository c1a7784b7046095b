import { expect, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { shortenEvent } from '../../../event/shorten-event.ts'

const plain: ThumpEvent = {
  '@timestamp': '2026-11-22T12:00:00.000Z',
  event: { id: 'one', dataset: 'rabbitmq.log' },
  message: 'started',
  service: { type: 'rabbitmq' },
  agent: { id: 'agent', version: '0' },
}

function shorten(event: ThumpEvent): ThumpEvent {
  const before = Buffer.from(JSON.stringify(event))
  const after = shortenEvent(before)
  expect(after?.length).toBeLessThanOrEqual(before.length * 0.63)
  return JSON.parse(String(after)) as ThumpEvent
}

test('a long message is halved, what comes with it stays, and the event says so', () => {
  const event = { ...plain, message: 'x'.repeat(10_000), user: { name: 'shop' }, log: { flags: ['multiline'] } }
  const short = shorten(event)
  expect(short.message).toMatch(/^x{5000}$/)
  expect(short).toEqual({ ...event, message: short.message, log: { flags: ['multiline', 'truncated'] } })
})

test('no letter is cut in two', () => {
  const { message } = shorten({ ...plain, message: `x${'😀'.repeat(5000)}` })
  expect(message).toMatch(/^x(😀)+$/u)
})

test('a long body is cut, and its own flag tells', () => {
  const amqp = { operation: 'basic.publish', body: { bytes: 9000, content: 'y'.repeat(9000) } } as const
  const short = shorten({ ...plain, amqp })
  expect(short.message).toBe('started')
  expect(short.amqp).toMatchObject({ operation: 'basic.publish', body: { bytes: 9000, truncated: true } })
  expect(short.amqp?.body?.content).toMatch(/^y{4500}$/)
})

test('of many small fields the first ones stay, of a list its first half', () => {
  const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field ${index}`, index]))
  const short = shorten({ ...plain, app: fields, tags: ['a', 'b'] })
  expect(Object.keys(short.app ?? {})).toEqual(Object.keys(fields).slice(0, Object.keys(short.app ?? {}).length))
  expect(Object.keys(short.app ?? {}).length).toBeGreaterThan(100)
  expect(short.tags).toEqual(['a', 'b'])
  const listed = shorten({ ...plain, list: Array.from({ length: 1000 }, () => 'word') })
  expect((listed['list'] as string[]).length).toBeGreaterThan(100)
})

test('it ends: what cannot be shortened, and what is no event, is nothing', () => {
  let value: Uint8Array | undefined = Buffer.from(JSON.stringify({ ...plain, message: 'x'.repeat(100_000) }))
  let times = 0
  for (; value; value = shortenEvent(value)) times++
  expect(times).toBeGreaterThan(8)
  expect(times).toBeLessThan(20)
  expect(shortenEvent(Buffer.from('no JSON'))).toBeUndefined()
})
