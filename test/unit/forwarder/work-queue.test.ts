import { expect, test } from 'vitest'
import type { TopicName } from '../../../event/topics.ts'
import { type Work, WorkQueue } from '../../../forwarder/work-queue.ts'
import type { RecordBatch } from '../../../transport/transport.ts'

/** A batch of records of ten bytes each, at these offsets. */
function batch(topic: TopicName, partition: number, ...offsets: number[]): RecordBatch {
  const records = offsets.map((offset) => ({ offset, timestampMs: 0, key: 'k', value: Buffer.alloc(10), headers: {} }))
  return { topic, partition, records, highWatermark: 100 }
}

function queueOf(...batches: RecordBatch[]): WorkQueue {
  const queue = new WorkQueue()
  for (const one of batches) queue.add(one, { next: 0, remaining: one.records.length, writing: 0 })
  return queue
}

const places = (works: readonly Work[]) =>
  works.map(({ topic, partition, record }) => `${topic}/${partition}/${record.offset}`)
const wide = { documents: 100, bytes: 1000 }

test('a bulk is of one topic: what came first, and more of it from behind the others', () => {
  const queue = queueOf(batch('APP', 0, 1, 2), batch('AMQP', 0, 5), batch('APP', 1, 7))
  expect(places(queue.next(wide))).toEqual(['APP/0/1', 'APP/0/2', 'APP/1/7'])
  expect(places(queue.next(wide))).toEqual(['AMQP/0/5'])
  expect([queue.isEmpty, queue.bytes]).toEqual([true, 0])
})

test('a topic that has much does not keep the one behind it waiting', () => {
  const queue = queueOf(batch('APP', 0, 1, 2), batch('AMQP', 0, 5), batch('APP', 1, 7, 8))
  expect(places(queue.next({ ...wide, documents: 3 }))).toEqual(['APP/0/1', 'APP/0/2', 'APP/1/7'])
  expect(places(queue.next(wide))).toEqual(['AMQP/0/5'])
  expect(places(queue.next(wide))).toEqual(['APP/1/8'])
})

test('a bulk ends before the record that is too much for its bytes, and what is left comes next', () => {
  const queue = queueOf(batch('APP', 0, 1, 2, 3))
  expect(places(queue.next({ documents: 100, bytes: 25 }))).toEqual(['APP/0/1', 'APP/0/2'])
  expect(queue.bytes).toBe(10)
  expect(places(queue.next({ documents: 100, bytes: 5 }))).toEqual(['APP/0/3'])
})

test('a partition that is dropped takes with it what of it still waits', () => {
  const queue = queueOf(batch('APP', 0, 1, 2), batch('APP', 1, 7))
  queue.next({ ...wide, documents: 1 })
  queue.drop({ topic: 'APP', partition: 0 })
  expect(queue.bytes).toBe(10)
  expect(places(queue.next(wide))).toEqual(['APP/1/7'])
})
