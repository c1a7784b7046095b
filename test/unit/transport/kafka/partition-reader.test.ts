import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { silentLogger } from '../../../../runtime/log.ts'
import { PartitionReader } from '../../../../transport/kafka/partition-reader.ts'
import { encodeBatch } from '../../../../transport/kafka/record-batch.ts'

const at = { topic: 'APP', partition: 0 } as const
const tick = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** A batch of two records from offset 0 on, as a fetch brings it. */
function fetched(first = 'a'): Buffer {
  const record = (value: string) => ({
    key: Buffer.from('k'),
    value: Buffer.from(value),
    headers: [],
    timestampMs: 1234,
  })
  return encodeBatch([record(first), record('b')], 'zstd', { id: -1n, epoch: -1, sequence: -1 })
}

/** A reader whose handler has room when it is told so. */
function reader(after?: Promise<void>) {
  const taken: string[] = []
  const asked: number[] = []
  const room = Promise.withResolvers<void>()
  const given = new PartitionReader(
    {
      at,
      wireTopic: 'APP',
      log: silentLogger,
      onRoom: () => {},
      after,
      handlers: {
        room: (signal, firstMs) => {
          asked.push(firstMs)
          signal.addEventListener('abort', () => room.resolve())
          return room.promise
        },
        records: async ({ records }) => void taken.push(...records.map(({ value }) => value.toString())),
      },
    },
    0,
    undefined,
  )
  return { given, taken, room, asked }
}

test('what was fetched stays as it lies until its reader has room', async () => {
  const { given, taken, room } = reader()
  given.take(fetched(), 2, 0)
  await tick()
  expect([taken, given.lag]).toEqual([[], 2])
  room.resolve()
  await given.ended
  expect([taken, given.lag]).toEqual([['a', 'b'], 0])
})

test('room is asked for with the time of the first record', async () => {
  const { given, room, asked } = reader()
  given.take(fetched(), 2, 0)
  await tick()
  room.resolve()
  await given.ended
  expect(asked).toEqual([1234])
})

test('hands nothing on while the handler of an earlier assignment of the partition is still at work', async () => {
  const lingering = Promise.withResolvers<void>()
  const { given, taken, room } = reader(lingering.promise)
  room.resolve()
  given.take(fetched(), 2, 0)
  await tick()
  expect(taken).toEqual([])
  lingering.resolve()
  await given.ended
  expect(taken).toEqual(['a', 'b'])
})

test('a partition that is taken away waits for no room, and hands nothing on', async () => {
  const { given, taken } = reader()
  given.take(fetched(), 2, 0)
  await tick()
  given.end()
  await given.ended
  expect(taken).toEqual([])
})

test('no more is fetched while a quarter of a megabyte waits for a slow handler, as it was on the wire', async () => {
  const { given, taken, room } = reader()
  given.take(fetched(randomBytes(100_000).toString('base64')), 2, 0)
  expect(given.hasRoom).toBe(true)
  const large = fetched(randomBytes(200_000).toString('base64'))
  // From offset 2 on.
  large.writeBigInt64BE(2n, 0)
  given.take(large, 4, 0)
  expect(given.hasRoom).toBe(false)
  room.resolve()
  await given.ended
  expect([given.hasRoom, taken.length]).toEqual([true, 4])
})
