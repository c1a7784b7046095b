import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { type Kafka, startKafka } from '../../servers/kafka.ts'
import { recordOf } from './conformance.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

/** Three brokers; a record is durable when two have it. */
const shutdown = new Shutdown()
const patiently = { withinMs: 60_000 }
let kafka: Kafka

beforeAll(async () => {
  const extra = ['min.insync.replicas=2', 'broker.session.timeout.ms=6000', 'broker.heartbeat.interval.ms=500']
  kafka = shutdown.own('kafka', await startKafka({ brokers: 3, extra }))
})
afterAll(() => shutdown.run(AbortSignal.timeout(60_000)))

/** As Kafka places a group: by Java's hash of its name, in the partitions of __consumer_offsets. */
async function coordinatorOf(group: string): Promise<number> {
  const admin = new KafkaClient({ brokers: [...kafka.plainBrokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] })
    const partitions = topics[0]?.partitions ?? []
    const hash = Buffer.from(group).reduce((sum, letter) => (Math.imul(sum, 31) + letter) | 0, 0)
    const place = (hash & 0x7fffffff) % partitions.length
    return partitions.find(({ partitionId }) => partitionId === place)?.leader ?? -1
  } finally {
    await admin.disconnect()
  }
}

test('the loss of one of three brokers, a leader and the coordinator, loses nothing and keeps the order', async () => {
  const createTopics = { partitions: 3, replicationFactor: 3, retention: 604_800_000 }
  const options = kafkaOptions({ brokers: [...kafka.brokers], createTopics })
  const { transport, told } = await openKafka(options, {
    requestTimeoutMs: 5000,
    connectTimeoutMs: 2000,
    // Longer than the cluster takes to find another coordinator.
    sessionTimeoutMs: 30_000,
  })
  const producer = (await transport.createProducer()).value
  const byKey = new Map<string, string[]>()
  const done = new Map<number, number>()
  const reader = await readAll(transport, {
    records: async ({ topic, partition, records }) => {
      for (const { key, value } of records) byKey.set(key, [...(byKey.get(key) ?? []), value.toString()])
      const offset = (records.at(-1)?.offset ?? 0) + 1
      await reader.consumer.commit([{ topic, partition, offset }])
      done.set(partition, offset)
    },
  })
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  let sent = 0
  const send = async () => {
    const records = keys.map((key) => recordOf(key, String(sent)))
    expect(await producer.send(records, never)).toEqual({ rejected: [] })
    sent++
  }
  for (let round = 0; round < 20; round++) await send()
  await eventually(() => byKey.size === keys.length, patiently)
  // Half of what follows is sent while the cluster finds out.
  const flow = (async () => {
    for (let round = 0; round < 40; round++) await send()
  })()
  await kafka.kill((await coordinatorOf(`${options.group}-reader`)) - 1)
  await flow
  const expected = Array.from({ length: sent }, (_, index) => String(index))
  const read = () => [...byKey.values()].map(({ length }) => length)
  await eventually(() => expect(read()).toEqual(keys.map(() => sent)), patiently)
  for (const key of keys) expect(byKey.get(key)).toEqual(expected)
  const committed = () => [...done.values()].reduce((sum, offset) => sum + offset, 0)
  await eventually(() => expect(committed()).toBe(sent * keys.length), patiently)
  expect(told.filter(({ msg }) => msg.includes('revoked'))).toEqual([])
})
