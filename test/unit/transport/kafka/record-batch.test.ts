import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compressions } from '../../../../transport/kafka/codecs.ts'
import { decodeBatch, encodeBatch, recordBytes, splitBatches } from '../../../../transport/kafka/record-batch.ts'

const nobody = { id: -1n, epoch: -1, sequence: -1 }
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const text = fc.string({ maxLength: 20 })
const record = fc.record({
  key: text.map((key) => Buffer.from(key)),
  value: bytes,
  headers: fc.array(
    fc.tuple(text, text).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const),
    {
      maxLength: 3,
    },
  ),
  timestampMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
})
const records = fc.array(record, { minLength: 1, maxLength: 20 })

/** As the broker appends it: only the base offset, which the checksum does not cover, is set. */
function appended(batch: Buffer, offset: number): Buffer {
  const copy = Buffer.from(batch)
  copy.writeBigInt64BE(BigInt(offset), 0)
  return copy
}

test.each(compressions)('a batch compressed by %s reads back as it was written', (compression) => {
  fc.assert(
    fc.property(records, fc.nat(2 ** 45), (written, offset) => {
      const [batch] = splitBatches(appended(encodeBatch(written, compression, nobody), offset))
      const read = batch ? decodeBatch(batch, 0) : []
      const plain = read.map(({ key, value, headers, timestampMs, ...rest }) => ({
        ...rest,
        timestampMs,
        key,
        value,
        headers,
      }))
      expect(plain).toEqual(
        written.map(({ key, value, headers, timestampMs }, index) => ({
          offset: offset + index,
          timestampMs,
          key: key.toString(),
          value: Buffer.from(value),
          headers: Object.fromEntries(headers.map(([name, content]) => [name.toString(), content.toString()])),
        })),
      )
      expect(batch?.lastOffset).toBe(offset + written.length - 1)
    }),
    { numRuns: 50 },
  )
})

test('the size that is reckoned with is never below the size written', () => {
  fc.assert(
    fc.property(records, (written) => {
      const size = written.reduce((sum, one) => sum + recordBytes(one), 0)
      expect(encodeBatch(written, 'none', nobody).length).toBeLessThanOrEqual(size + 61)
    }),
  )
})

const sample = ['a', 'b', 'c'].map((value, index) => ({
  key: Buffer.from('k'),
  value: Buffer.from(value),
  headers: [],
  timestampMs: 1000 - index,
}))

test('records before the offset asked for are left out', () => {
  const [batch] = splitBatches(appended(encodeBatch(sample, 'zstd', nobody), 40))
  expect(decodeBatch(batch!, 41).map(({ offset, value }) => [offset, value.toString()])).toEqual([
    [41, 'b'],
    [42, 'c'],
  ])
})

test('a batch that the fetch cut off is left for the next fetch', () => {
  const one = appended(encodeBatch(sample, 'none', nobody), 0)
  const two = appended(encodeBatch(sample, 'none', nobody), 3)
  for (let length = one.length; length < one.length + two.length; length++)
    expect(splitBatches(Buffer.concat([one, two]).subarray(0, length))).toHaveLength(1)
})

test('any byte that is damaged is noticed, never handed on', () => {
  const whole = appended(encodeBatch(sample, 'none', nobody), 0)
  for (let at = 17; at < whole.length; at++) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] ?? 0) ^ 0x40
    const [batch] = splitBatches(damaged)
    expect(() => decodeBatch(batch!, 0)).toThrow('checksum')
  }
})

test('the marker of a transaction is no record', () => {
  const marker = appended(encodeBatch(sample.slice(0, 1), 'none', nobody), 7)
  marker.writeInt16BE(0x30, 21)
  marker.writeUInt32BE(crc32c(marker.subarray(21)), 17)
  const [batch] = splitBatches(marker)
  expect(decodeBatch(batch!, 0)).toEqual([])
})

test('where the broker stamps the time of writing, that is the time of every record', () => {
  const stamped = appended(encodeBatch(sample, 'none', nobody), 0)
  stamped.writeInt16BE(0x08, 21)
  stamped.writeBigInt64BE(5000n, 35)
  stamped.writeUInt32BE(crc32c(stamped.subarray(21)), 17)
  const [batch] = splitBatches(stamped)
  expect(decodeBatch(batch!, 0).map(({ timestampMs }) => timestampMs)).toEqual([5000, 5000, 5000])
})
