import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packedRun } from '../../../transport/kafka/packed-run.ts'
import { PartitionQueue, SendCall } from '../../../transport/kafka/partition-queue.ts'
import { decodeBatch, encodeBatch, itemBytes, splitBatches } from '../../../transport/kafka/record-batch.ts'
import { unpack } from '../../../transport/packed-records.ts'
import type { PackedRecords } from '../../../transport/transport.ts'

const nobody = { id: -1n, epoch: -1, sequence: -1 }
const identity = { id: 7n, epoch: 0 }

interface Given {
  readonly value: string
  readonly id: string
  readonly timeMs: number
}

/** Packs behind some bytes of another's, as a source does that shares its memory. */
function packOf(given: readonly Given[]): PackedRecords {
  const before = 'another'
  const bounds: number[] = []
  let text = before
  for (const { value, id } of given) {
    text += value
    bounds.push(Buffer.byteLength(text))
    text += id
    bounds.push(Buffer.byteLength(text))
  }
  return {
    topic: 'APP',
    key: 'node/a.log',
    headers: { schema: '1' },
    bytes: Buffer.from(text),
    start: before.length,
    bounds: Uint32Array.from(bounds),
    timesMs: Float64Array.from(given, ({ timeMs }) => timeMs),
  }
}

const some = fc.array(
  fc.record({
    value: fc.string({ maxLength: 200, unit: 'binary' }),
    id: fc.stringMatching(/^[a-z0-9-]{1,40}$/),
    timeMs: fc.integer({ min: 0, max: 4e12 }),
  }),
  { minLength: 1, maxLength: 40 },
)
const read = (batch: Buffer) =>
  splitBatches(batch).flatMap((one) =>
    decodeBatch(one, 0).map(({ key, value, headers, timestampMs }) => ({
      key,
      value: value.toString(),
      headers,
      timestampMs,
    })),
  )
const expected = ({ value, id, timeMs }: Given) => ({
  key: 'node/a.log',
  value,
  headers: { schema: '1', id },
  timestampMs: timeMs,
})
const textOf = (value: string) => Buffer.from(value).toString()

test.each(['none', 'zstd', 'lz4'] as const)('packed records are read back as what they were, by %s', (compression) => {
  fc.assert(
    fc.property(some, (given) => {
      const run = packedRun(packOf(given), Buffer.from('node/a.log'))
      const batch = encodeBatch([run], compression, nobody)
      expect(read(batch)).toEqual(given.map((one) => expected({ ...one, value: textOf(one.value) })))
      if (compression === 'none') expect(batch.length - 61).toBeLessThanOrEqual(itemBytes(run))
    }),
  )
})

test('packed records and single ones are the same records', () => {
  fc.assert(
    fc.property(some, (given) => {
      const [pack, key] = [packOf(given), Buffer.from('node/a.log')]
      const single = unpack(pack).map(({ value, headers, timestampMs }) => ({
        key,
        value,
        headers: Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
        timestampMs,
      }))
      expect(encodeBatch([packedRun(pack, key)], 'none', nobody)).toEqual(encodeBatch(single, 'none', nobody))
    }),
  )
})

test('a pack goes out in batches within the limits, in order, numbered without a gap, and its call ends once', async () => {
  await fc.assert(
    fc.asyncProperty(
      some,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 200, max: 3000 }),
      async (given, maxRecords, maxBytes) => {
        const queue = new PartitionQueue('APP', 0, { maxRecords, maxBytes, compression: 'none' })
        const call = new SendCall(given.length)
        queue.add(packedRun(packOf(given), Buffer.from('node/a.log')), call, 0)
        const sent: string[] = []
        for (let batch = queue.next(identity); batch; batch = queue.next(identity)) {
          const records = read(batch)
          expect(batch.readInt32BE(53)).toBe(sent.length)
          expect(records.length).toBeLessThanOrEqual(maxRecords)
          if (records.length > 1) expect(batch.length - 61).toBeLessThanOrEqual(maxBytes)
          sent.push(...records.map(({ headers }) => headers['id'] ?? ''))
          queue.succeed()
        }
        expect(sent).toEqual(given.map(({ id }) => id))
        expect(queue.isEmpty).toBe(true)
        expect(await call.result.promise).toEqual({ rejected: [] })
      },
    ),
  )
})

test('of a pack the one record that is too large is found, and the rest goes in order', async () => {
  const given = ['a', 'b', 'HUGE', 'c', 'd'].map((value, index) => ({ value, id: `i${index}`, timeMs: 1 }))
  const queue = new PartitionQueue('APP', 0, { maxRecords: 10, maxBytes: 10_000, compression: 'none' })
  const call = new SendCall(given.length)
  queue.add(packedRun(packOf(given), Buffer.from('k')), call, 0)
  const sent: string[] = []
  for (let batch = queue.next(identity); batch; batch = queue.next(identity)) {
    const values = read(batch).map(({ value }) => value)
    if (values.includes('HUGE')) queue.tooLarge('MESSAGE_TOO_LARGE')
    else {
      sent.push(...values)
      queue.succeed()
    }
  }
  expect(sent).toEqual(['a', 'b', 'c', 'd'])
  expect((await call.result.promise).rejected).toEqual([{ index: 2, reason: 'too-large', error: 'MESSAGE_TOO_LARGE' }])
})

test('times that a broker refuses are replaced in all records of a pack', () => {
  const given = ['a', 'b'].map((value) => ({ value, id: value, timeMs: 5 }))
  const queue = new PartitionQueue('APP', 0, { maxRecords: 10, maxBytes: 10_000, compression: 'none' })
  queue.add(packedRun(packOf(given), Buffer.from('k')), new SendCall(2), 0)
  queue.next(identity)
  queue.redo(77)
  expect(read(queue.next(identity) ?? Buffer.alloc(0)).map(({ timestampMs }) => timestampMs)).toEqual([77, 77])
})
