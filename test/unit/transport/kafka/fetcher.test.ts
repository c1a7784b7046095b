import { expect, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../../../runtime/log.ts'
import type { KafkaClient } from '../../../../transport/kafka/client.ts'
import { Fetcher } from '../../../../transport/kafka/fetcher.ts'
import type { Metadata } from '../../../../transport/kafka/metadata.ts'
import { Outage } from '../../../../transport/kafka/outage.ts'
import { PartitionReader } from '../../../../transport/kafka/partition-reader.ts'

const requestTimeoutMs = 30_000

/** A fetcher whose broker takes the question and forgets it, as no time limit of ours should allow. */
function forgotten(hasReader: boolean): Fetcher {
  const reader = new PartitionReader(
    {
      at: { topic: 'APP', partition: 0 },
      wireTopic: 'APP',
      handlers: { records: async () => {} },
      log: silentLogger,
      onRoom: () => {},
      after: undefined,
    },
    0,
    undefined,
  )
  const fetcher = new Fetcher({
    client: { exchange: () => new Promise(() => {}), times: { requestTimeoutMs } } as unknown as KafkaClient,
    metadata: { leader: () => 1 } as unknown as Metadata,
    outage: new Outage(silentLogger),
    readers: hasReader ? [reader] : [],
    outOfRange: async () => {},
  })
  fetcher.start()
  onTestFinished(() => fetcher.end())
  return fetcher
}

test('a fetch that never ends is noticed when it takes longer than any may', () => {
  const fetcher = forgotten(true)
  expect(fetcher.isStuck(Date.now() + requestTimeoutMs)).toBe(false)
  expect(fetcher.isStuck(Date.now() + 4 * requestTimeoutMs)).toBe(true)
})

test('nothing is stuck where nothing is to be read', () => {
  expect(forgotten(false).isStuck(Date.now() + 10 * requestTimeoutMs)).toBe(false)
})
