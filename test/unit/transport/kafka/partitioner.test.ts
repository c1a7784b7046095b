import { expect, test } from 'vitest'
import { murmur2, partitionOf } from '../../../../transport/kafka/partitioner.ts'

/** From the tests of Kafka's own client (UtilsTest.testMurmur2). */
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the hash of %s is the one of other Kafka clients', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

test('every key has a partition that exists', () => {
  for (let index = 0; index < 1000; index++) {
    const partition = partitionOf(Buffer.from(`key ${index}`), 6)
    expect(partition).toBeGreaterThanOrEqual(0)
    expect(partition).toBeLessThan(6)
  }
})
