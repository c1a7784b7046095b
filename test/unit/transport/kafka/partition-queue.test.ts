import { expect, test } from 'vitest'
import { PartitionQueue, SendCall } from '../../../../transport/kafka/partition-queue.ts'
import { decodeBatch, splitBatches } from '../../../../transport/kafka/record-batch.ts'

const identity = { id: 7n, epoch: 0 }
const limits = { maxRecords: 3, maxBytes: 10_000, compression: 'none' } as const
const recordOf = (text: string) => ({ key: Buffer.from('k'), value: Buffer.from(text), headers: [], timestampMs: 1 })

function filled(...texts: string[]) {
  const queue = new PartitionQueue('APP', 0, limits)
  const call = new SendCall(texts.length)
  for (const [index, text] of texts.entries()) queue.add(recordOf(text), call, index)
  return { queue, call }
}

const textsOf = (bytes: Buffer | undefined) =>
  splitBatches(bytes ?? Buffer.alloc(0)).flatMap((batch) => decodeBatch(batch, 0).map(({ value }) => value.toString()))
const sequenceOf = (bytes: Buffer | undefined) => bytes?.readInt32BE(53)

test('a batch that failed is sent again byte for byte, before what came later', () => {
  const { queue } = filled('a', 'b')
  const first = queue.next(identity)
  queue.add(recordOf('c'), new SendCall(1), 0)
  expect(queue.next(identity)).toBe(first)
  queue.succeed()
  expect(textsOf(queue.next(identity))).toEqual(['c'])
})

test('batches are numbered without a gap, so that the broker knows what it has', () => {
  const { queue } = filled('a', 'b', 'c', 'd')
  expect(sequenceOf(queue.next(identity))).toBe(0)
  queue.succeed()
  expect(sequenceOf(queue.next(identity))).toBe(3)
})

test('under another identity the numbers begin anew', () => {
  const { queue } = filled('a', 'b', 'c', 'd')
  queue.next(identity)
  queue.succeed()
  expect(sequenceOf(queue.next({ id: 8n, epoch: 0 }))).toBe(0)
})

test('a batch has no more bytes than it may, but one record however large', () => {
  const queue = new PartitionQueue('APP', 0, { maxRecords: 100, maxBytes: 1000, compression: 'none' })
  const texts = ['a'.repeat(400), 'b'.repeat(400), 'c'.repeat(400), 'd'.repeat(5000), 'e']
  const call = new SendCall(texts.length)
  for (const [index, text] of texts.entries()) queue.add(recordOf(text), call, index)
  const batches: string[] = []
  for (let bytes = queue.next(identity); bytes; bytes = queue.next(identity)) {
    batches.push(
      textsOf(bytes)
        .map((text) => text.slice(0, 1))
        .join(''),
    )
    queue.succeed()
  }
  expect(batches).toEqual(['ab', 'c', 'd', 'e'])
})

test('what is too large is halved until the one record is found, and the rest goes in order', async () => {
  const { queue, call } = filled('a', 'HUGE', 'b')
  const sent: string[] = []
  for (let bytes = queue.next(identity); bytes; bytes = queue.next(identity)) {
    const texts = textsOf(bytes)
    if (texts.includes('HUGE')) queue.tooLarge('MESSAGE_TOO_LARGE')
    else {
      sent.push(...texts)
      queue.succeed()
    }
  }
  expect(sent).toEqual(['a', 'b'])
  expect(await call.result.promise).toEqual({
    rejected: [{ index: 1, reason: 'too-large', error: 'MESSAGE_TOO_LARGE' }],
  })
})

test('what can be shortened is, in its own place, until it fits; what cannot any more is rejected', async () => {
  const halves = (value: Uint8Array) => (value.length > 4 ? value.subarray(0, value.length / 2) : undefined)
  const limits = { maxRecords: 3, maxBytes: 1_000_000, compression: 'none', shorten: halves } as const
  const queue = new PartitionQueue('t', 0, limits)
  const call = new SendCall(4)
  for (const [index, text] of ['a', 'BIGBIGBIGBIG', 'HUGE', 'b'].entries()) queue.add(recordOf(text), call, index)
  const sent: string[] = []
  for (let bytes = queue.next(identity); bytes; bytes = queue.next(identity)) {
    const texts = textsOf(bytes)
    if (texts.some((text) => text.length > 3)) queue.tooLarge('MESSAGE_TOO_LARGE')
    else {
      sent.push(...texts)
      queue.succeed()
    }
  }
  expect(sent).toEqual(['a', 'BIG', 'b'])
  expect(await call.result.promise).toEqual({
    rejected: [{ index: 2, reason: 'too-large', error: 'MESSAGE_TOO_LARGE' }],
    shortened: 1,
  })
})

test('what nobody waits for any more is not sent', async () => {
  const { queue, call } = filled('a', 'b')
  const later = new SendCall(1)
  queue.add(recordOf('c'), later, 0)
  call.result.promise.catch(() => {})
  call.fail(new Error('stopping'))
  expect(textsOf(queue.next(identity))).toEqual(['c'])
})

test('a call is answered when its last record is settled, not before', async () => {
  const { queue, call } = filled('a', 'b', 'c', 'd')
  let isDone = false
  void call.result.promise.then(() => (isDone = true))
  queue.next(identity)
  queue.succeed()
  await Promise.resolve()
  expect(isDone).toBe(false)
  queue.next(identity)
  queue.succeed()
  expect(await call.result.promise).toEqual({ rejected: [] })
})
