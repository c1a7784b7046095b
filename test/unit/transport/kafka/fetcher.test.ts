import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLogger } from '../../../../runtime/log.ts'
import type { KafkaClient } from '../../../../transport/kafka/client.ts'
import { defaultLimits, Fetcher } from '../../../../transport/kafka/fetcher.ts'
import type { Metadata } from '../../../../transport/kafka/metadata.ts'
import { Outage, OutageLog } from '../../../../transport/kafka/outage.ts'
import { PartitionReader } from '../../../../transport/kafka/partition-reader.ts'

const requestTimeoutMs = 30_000

/** A partition whose leader is the broker of its number. */
function readerOf(partition: number): PartitionReader {
  return new PartitionReader(
    {
      at: { topic: 'APP', partition },
      wireTopic: 'APP',
      handlers: { records: async () => {} },
      log: silentLogger,
      onRoom: () => {},
      after: undefined,
    },
    0,
    undefined,
  )
}

/** A fetcher whose brokers, but for those that answer, take the question and forget it, as no time limit of ours should allow. */
function forgotten(partitions: readonly number[], answering: readonly number[] = []): Fetcher {
  const exchange = async (leader: number) => {
    await (answering.includes(leader)
      ? new Promise((resolve) => void setTimeout(resolve, 1000))
      : new Promise(() => {}))
    return []
  }
  const fetcher = new Fetcher({
    client: { exchange, times: { requestTimeoutMs } } as unknown as KafkaClient,
    metadata: { leader: (_: string, partition: number) => partition } as unknown as Metadata,
    outage: new Outage(new OutageLog(silentLogger, Date.now)),
    readers: partitions.map(readerOf),
    limits: defaultLimits,
    outOfRange: async () => {},
  })
  fetcher.start()
  onTestFinished(() => {
    fetcher.end()
    vi.useRealTimers()
  })
  return fetcher
}

test('a fetch that never ends is noticed when it takes longer than any may', () => {
  const fetcher = forgotten([0])
  expect(fetcher.isStuck(Date.now() + requestTimeoutMs)).toBe(false)
  expect(fetcher.isStuck(Date.now() + 4 * requestTimeoutMs)).toBe(true)
})

test('one broker of two that never answers is noticed, however often the other does', async () => {
  vi.useFakeTimers({ now: 0 })
  const fetcher = forgotten([1, 2], [2])
  await vi.advanceTimersByTimeAsync(4 * requestTimeoutMs)
  expect(fetcher.isStuck(Date.now())).toBe(true)
  const both = forgotten([1, 2], [1, 2])
  await vi.advanceTimersByTimeAsync(4 * requestTimeoutMs)
  expect(both.isStuck(Date.now())).toBe(false)
})

test('nothing is stuck where nothing is to be read', () => {
  expect(forgotten([]).isStuck(Date.now() + 10 * requestTimeoutMs)).toBe(false)
})
