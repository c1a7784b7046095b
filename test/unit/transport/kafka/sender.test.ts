import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silentLogger } from '../../../../runtime/log.ts'
import type { KafkaClient } from '../../../../transport/kafka/client.ts'
import type { Metadata } from '../../../../transport/kafka/metadata.ts'
import { Outage, OutageLog } from '../../../../transport/kafka/outage.ts'
import { PartitionQueue, SendCall } from '../../../../transport/kafka/partition-queue.ts'
import { Sender } from '../../../../transport/kafka/sender.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const limits = { maxRecords: 1000, maxBytes: 1_000_000, compression: 'none' } as const

/** A sender of one partition, and the brokers' errors, one a request until there are no more; `leaders` come one a question. */
function senderOf({ errors = [] as (string | undefined)[], leaders = [1], lingerMs = 5, waitsForTopics = false }) {
  const asked: number[] = []
  let leader = leaders.shift()
  const client = {
    times: { requestTimeoutMs: 30_000 },
    exchange: (node: number) => {
      asked.push(node)
      return Promise.resolve([{ topic: 'APP', partition: 0, error: errors.shift() }])
    },
  } as unknown as KafkaClient
  const metadata = {
    leader: () => leader,
    refresh: async () => void (leader = leaders.shift() ?? leader),
  } as unknown as Metadata
  const outage = new Outage(new OutageLog(silentLogger, () => 0))
  const queue = new PartitionQueue('APP', 0, limits)
  const sender = new Sender({
    client,
    metadata,
    outage,
    lingerMs,
    identity: () => Promise.resolve(undefined),
    forgetIdentity: () => {},
    topicMissing: () => Promise.resolve(),
    waitsForTopics,
  })
  const send = () => {
    const call = new SendCall(1)
    queue.add({ key: Buffer.from('k'), value: Buffer.from('v'), headers: [], timestampMs: 1 }, call, 0)
    sender.touch(queue)
    return call.result.promise
  }
  return { asked, outage, send }
}

test('what comes within the linger goes in one request, and not before it', async () => {
  const { asked, send } = senderOf({ lingerMs: 50 })
  const first = send()
  await vi.advanceTimersByTimeAsync(30)
  const second = send()
  expect(asked).toEqual([])
  await vi.advanceTimersByTimeAsync(30)
  expect(await Promise.all([first, second])).toEqual([{ rejected: [] }, { rejected: [] }])
  expect(asked).toEqual([1])
})

test('a leader that is none any more is asked after, and the batch goes to the new one', async () => {
  const { asked, send } = senderOf({ errors: ['NOT_LEADER_FOR_PARTITION'], leaders: [1, 2] })
  const sent = send()
  await vi.advanceTimersByTimeAsync(1000)
  expect([await sent, asked]).toEqual([{ rejected: [] }, [1, 2]])
})

test('a partition without a leader is asked after ever more seldom, and told as an outage until it has one', async () => {
  const { asked, outage, send } = senderOf({ leaders: [undefined as unknown as number] })
  void send()
  await vi.advanceTimersByTimeAsync(10_000)
  expect([asked, outage.reason]).toEqual([[], 'APP-0: no leader is known'])
})

test('without the right to write, records are rejected; who waits for it is told the reason until it is there', async () => {
  const refused = ['TOPIC_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED']
  const impatient = senderOf({ errors: [...refused] }).send()
  const { asked, outage, send } = senderOf({ errors: refused, waitsForTopics: true })
  const sent = send()
  await vi.advanceTimersByTimeAsync(10)
  expect((await impatient).rejected).toMatchObject([{ index: 0, reason: 'not-authorized' }])
  expect(outage.reason).toBe('APP-0: TOPIC_AUTHORIZATION_FAILED')
  await vi.advanceTimersByTimeAsync(5000)
  expect([await sent, asked.length, outage.isOn]).toEqual([{ rejected: [] }, 3, false])
})
