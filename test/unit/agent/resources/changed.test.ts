import { expect, test } from 'vitest'
import { createChooser } from '../../../../agent/sources/resources/changed.ts'
import { type QueueReading, queueKey } from '../../../../agent/sources/resources/queue-readings.ts'

const minute = 60_000
const reading = (queue: string, numbers: Partial<QueueReading> = {}) =>
  [queueKey('/', queue), { vhost: '/', queue, messages: 0, messages_ready: 0, ...numbers }] as const
const names = (news: readonly { reading: QueueReading }[]) => news.map(({ reading: { queue } }) => queue)

test('what changed is told at once, the rest once in five minutes', () => {
  const chooser = createChooser('changed', 5 * minute)
  expect(names(chooser.choose(new Map([reading('a'), reading('b')]), 0))).toEqual(['a', 'b'])
  expect(names(chooser.choose(new Map([reading('a'), reading('b', { messages_ready: 1 })]), minute))).toEqual(['b'])
  expect(names(chooser.choose(new Map([reading('a'), reading('b', { messages_ready: 1 })]), 5 * minute))).toEqual(['a'])
})

test('memory alone is no news: it never stands still', () => {
  const chooser = createChooser('changed', 5 * minute)
  chooser.choose(new Map([reading('a', { memory_bytes: 1 })]), 0)
  expect(chooser.choose(new Map([reading('a', { memory_bytes: 2 })]), minute)).toEqual([])
})

test('all is all, each time', () => {
  const chooser = createChooser('all', 5 * minute)
  for (const atMs of [0, 1, 2]) expect(names(chooser.choose(new Map([reading('a')]), atMs))).toEqual(['a'])
})

test('the depth’s rate is that since the last reading, down as well as up', () => {
  const chooser = createChooser('changed', 5 * minute)
  const rates = [0, 30, 15].map((messages, n) => {
    const [news] = chooser.choose(new Map([reading('a', { messages, messages_ready: messages })]), n * 10_000)
    return news?.perSecond
  })
  expect(rates).toEqual([undefined, 3, -1.5])
})

test('a queue that is gone is forgotten, and new when it comes back', () => {
  const chooser = createChooser('changed', 5 * minute)
  chooser.choose(new Map([reading('a')]), 0)
  chooser.choose(new Map(), 1000)
  expect(names(chooser.choose(new Map([reading('a')]), 2000))).toEqual(['a'])
})
