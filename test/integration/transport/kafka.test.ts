import { execFileSync } from 'node:child_process'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { KafkaClient } from '../../../transport/kafka/client.ts'
import { createKafkaTransport } from '../../../transport/kafka/kafka-transport.ts'
import type { Gap, OutRecord, TopicPartition } from '../../../transport/transport.ts'
import { ensureTool } from '../../servers/cache.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { startTcpProxy } from '../../servers/tcp-proxy.ts'
import { describeTransport, recordedAtMs, recordOf } from './conformance.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

describeTransport('kafka', async () => {
  const options = kafkaOptions()
  const open = () => createKafkaTransport(options, { log: silentLogger, metrics: createMetrics(), now: systemClock })
  let started = await open()
  return {
    transport: started.value,
    async reopen() {
      await started.stop()
      started = await open()
      return started.value
    },
    close: () => started.stop(),
  }
})

async function administer<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [...shared().kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

const onePartition = { createTopics: { partitions: 1, replicationFactor: -1, retention: 604_800_000 } }
const numbered = (from: number, to: number, key = 'k'): OutRecord[] =>
  Array.from({ length: to - from }, (_, index) => recordOf(key, String(from + index)))

describe('the kafka transport beside other clients', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('%s is read by kcat, and from kcat', async (codec) => {
    const kcat = await ensureTool('kcat')
    const options = kafkaOptions({ ...onePartition, compression: codec })
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    await producer.send([recordOf('a/b', '한글'), recordOf('a/b', 'x'.repeat(5000))], never)
    const broker = ['-b', options.brokers.join(','), '-t', options.topics.APP]
    const seen = execFileSync(kcat, ['-C', '-q', '-e', '-f', '%k|%h|%T|%s\n', ...broker], { encoding: 'utf8' })
    expect(seen.split('\n').slice(0, 2)).toEqual([
      `a/b|id=한글,schema=1|${recordedAtMs}|한글`,
      `a/b|id=${'x'.repeat(5000)},schema=1|${recordedAtMs}|${'x'.repeat(5000)}`,
    ])
    const lines = Array.from({ length: 500 }, (_, index) => `from kcat ${index}`)
    execFileSync(kcat, ['-P', '-z', codec, '-k', 'other', ...broker], { input: lines.join('\n') })
    const { texts } = await readAll(transport)
    await eventually(() => expect(texts().slice(2)).toEqual(lines))
  })

  test('an event of last year is kept as long as one of today: brokers remove by the time it travels under', async () => {
    const { transport } = await openKafka(kafkaOptions({ ...onePartition }))
    const old = { ...recordOf('k', 'old'), timestampMs: Date.now() - 365 * 86_400_000 }
    const sentAtMs = Date.now()
    await (await transport.createProducer()).value.send([old, recordOf('k', 'young')], never)
    const { records } = await readAll(transport)
    await eventually(() => records.length === 2)
    expect(records[0]?.timestampMs).toBeGreaterThanOrEqual(sentAtMs)
    expect(records[1]?.timestampMs).toBe(recordedAtMs)
  })

  test('a key lies in the partition where other clients put it', async () => {
    const kcat = await ensureTool('kcat')
    const options = kafkaOptions({ createTopics: { partitions: 7, replicationFactor: -1, retention: 604_800_000 } })
    const { transport } = await openKafka(options)
    const keys = Array.from({ length: 30 }, (_, index) => `rabbit@mq${index}/var/log/rabbit.log`)
    await (await transport.createProducer()).value.send(
      keys.map((key) => recordOf(key, 'ours')),
      never,
    )
    const broker = ['-b', options.brokers.join(','), '-t', options.topics.APP]
    const partitioner = ['-X', 'topic.partitioner=murmur2_random']
    execFileSync(kcat, ['-P', '-K', '|', ...partitioner, ...broker], {
      input: keys.map((key) => `${key}|t`).join('\n'),
    })
    const lines = execFileSync(kcat, ['-C', '-q', '-e', '-f', '%k %p\n', ...broker], { encoding: 'utf8' })
      .trim()
      .split('\n')
    expect(lines).toHaveLength(60)
    expect(new Set(lines).size).toBe(30)
  })
})

describe('a kafka that is not as it should be', () => {
  test('absent at the start: said once, waited for, and nothing is lost or out of order', async () => {
    const proxy = await startTcpProxy({ port: Number(shared().kafka.brokers[0]?.split(':')[1]) })
    onTestFinished(proxy.stop)
    await proxy.value.down()
    const { transport, told } = await openKafka(kafkaOptions({ brokers: [proxy.value.address] }))
    const producer = (await transport.createProducer()).value
    const { texts, consumer } = await readAll(transport)
    const sends = [0, 1, 2].map((index) => producer.send([recordOf('k', String(index))], never))
    await eventually(() => told.filter(({ msg }) => msg.includes('unavailable')).length === 1)
    expect([producer.isConnected(), consumer.isConnected()]).toEqual([false, false])
    await proxy.value.up()
    expect(await Promise.all(sends)).toEqual(sends.map(() => ({ rejected: [] })))
    await eventually(() => expect(texts()).toEqual(['0', '1', '2']))
    await eventually(() => producer.isConnected() && consumer.isConnected())
    expect(told.filter(({ msg }) => msg.includes('unavailable'))).toHaveLength(1)
    expect(told.filter(({ msg }) => msg.includes('recovered'))).toHaveLength(1)
  })

  test('a topic that is unknown and may not be created: its records are rejected, each', async () => {
    const options = kafkaOptions({ createTopics: false })
    await administer((admin) => admin.createTopics({ topics: [{ topic: options.topics.AMQP }] }))
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    const result = await producer.send([recordOf('k', 'a'), recordOf('k', 'b', 'AMQP'), recordOf('k', 'c')], never)
    expect(result.rejected).toMatchObject([
      { index: 0, reason: 'unknown-topic' },
      { index: 2, reason: 'unknown-topic' },
    ])
  })

  test('a topic made with its partitions and retention, and told of where it is otherwise', async () => {
    const options = kafkaOptions()
    await (await openKafka(options)).transport.ensureTopics(never)
    const topic = options.topics.APP
    const [config] = await administer(async (admin) => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: topic }],
      })
      return resources
    })
    expect(config?.configEntries.find(({ configName }) => configName === 'retention.ms')?.configValue).toBe('604800000')
    const other = { ...options, createTopics: { partitions: 3, replicationFactor: 2, retention: 1000 } }
    const { transport, told } = await openKafka(other)
    await transport.ensureTopics(never)
    const differs = told.filter(({ msg }) => msg.includes('differs'))
    expect(differs).toHaveLength(5)
    expect(differs[0]).toMatchObject({
      differs: ['2 partitions instead of 3', 'replication 1 instead of 2', 'retention 7d instead of 1s'],
    })
  })

  test('records that are gone are told as a gap, before what comes after them', async () => {
    const options = kafkaOptions(onePartition)
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    await producer.send(numbered(0, 10), never)
    const first = await readAll(transport)
    await eventually(() => first.records.length === 10)
    await first.consumer.commit([{ topic: 'APP', partition: 0, offset: 3 }])
    await first.stop()
    const lost = { topic: options.topics.APP, partitions: [{ partition: 0, offset: '7' }] }
    await administer(async (admin) => {
      // Only then does it know the topic's leaders.
      await admin.fetchTopicOffsets(lost.topic)
      await admin.deleteTopicRecords(lost)
    })
    const gaps: Gap[] = []
    const { texts } = await readAll(transport, { gap: async (gap) => void gaps.push(gap) })
    await eventually(() => expect(texts()).toEqual(['7', '8', '9']))
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 3, to: 7, reason: 'retention' }])
  })
})

describe('a topic that changes under those who use it', () => {
  test('partitions that are added are written to, and read from their first record, also by who begins at the end', async () => {
    const options = kafkaOptions(onePartition)
    const { transport } = await openKafka(options, { metadataMaxAgeMs: 1000, heartbeatMs: 500 })
    const producer = (await transport.createProducer()).value
    await producer.send([recordOf('k', 'long ago')], never)
    const isReading = Promise.withResolvers<void>()
    const { records } = await readAll(transport, { caughtUp: () => isReading.resolve() }, { startAt: 'latest' })
    await isReading.promise
    await administer((admin) => admin.createPartitions({ topicPartitions: [{ topic: options.topics.APP, count: 4 }] }))
    const kcat = await ensureTool('kcat')
    // Into a partition that our reader has not heard of yet.
    const place = ['-b', options.brokers.join(','), '-t', options.topics.APP, '-p', '3']
    execFileSync(kcat, ['-P', '-k', 'other', ...place], { input: 'before anybody knew' })
    let sent = 0
    const spread = async () => {
      await producer.send(
        Array.from({ length: 20 }, (_, index) => recordOf(`key ${index}`, String(sent++))),
        never,
      )
      return new Set(await partitionsOf(options.topics.APP)).size === 4
    }
    await eventually(spread, { everyMs: 200 })
    // Nothing is committed here: what was read before the partitions were shared out anew is read again.
    const read = () => new Set(records.map(({ value }) => value.toString()))
    await eventually(() => read().size === sent + 1)
    expect(read()).toEqual(new Set(['before anybody knew', ...Array.from({ length: sent }, (_, at) => String(at))]))
  })

  test('a topic that is removed and made anew is told as a gap, and read from its beginning', async () => {
    const options = kafkaOptions(onePartition)
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    await producer.send(numbered(0, 10), never)
    const gaps: Gap[] = []
    const { records, texts } = await readAll(transport, { gap: async (gap) => void gaps.push(gap) })
    await eventually(() => records.length === 10)
    await administer(async (admin) => {
      await admin.deleteTopics({ topics: [options.topics.APP] })
      // False where the reader was first, which makes what is missing.
      const topics = [{ topic: options.topics.APP, numPartitions: 1 }]
      await eventually(() => admin.createTopics({ topics }).then(() => true))
    })
    await producer.send(numbered(10, 13), never)
    await eventually(() => expect(texts().slice(10)).toEqual(['10', '11', '12']))
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 10, to: 0, reason: 'truncated' }])
  })
})

/** Those that hold anything. */
async function partitionsOf(topic: string): Promise<number[]> {
  const offsets = await administer((admin) => admin.fetchTopicOffsets(topic))
  return offsets.filter(({ high }) => high !== '0').map(({ partition }) => partition)
}

test('a fetch whose answer is never seen is noticed: the lag is shown, reading begins anew, and is counted', async () => {
  const options = kafkaOptions(onePartition)
  const { transport, metrics, told } = await openKafka(options, { requestTimeoutMs: 500 })
  const producer = (await transport.createProducer()).value
  await producer.send(numbered(0, 3), never)
  const { texts, consumer } = await readAll(transport)
  await eventually(() => expect(texts()).toEqual(['0', '1', '2']))
  // One call is lost within our own process, where no limit of time ends it.
  const exchange = Reflect.get(KafkaClient.prototype, 'exchange') as KafkaClient['exchange']
  const losing = vi.spyOn(KafkaClient.prototype, 'exchange')
  onTestFinished(() => losing.mockRestore())
  const isLost = Promise.withResolvers<void>()
  losing.mockImplementation(function (this: KafkaClient, node, make, limits) {
    if (limits?.isFetch !== true) return exchange.call(this, node, make, limits)
    losing.mockImplementation(exchange)
    isLost.resolve()
    return new Promise(() => {})
  })
  await isLost.promise
  await producer.send(numbered(3, 5), never)
  await eventually(() => consumer.lag()[0]?.records === 2)
  expect(texts()).toHaveLength(3)
  await eventually(() => expect(texts()).toEqual(['0', '1', '2', '3', '4']))
  expect(await metrics.registry.metrics()).toContain('thump_consumer_restarts_total 1')
  expect(told.filter(({ msg }) => msg.includes('begun anew'))).toHaveLength(1)
})

describe('a group of readers', () => {
  test('shares the partitions out anew as readers come and go while records flow: none is lost', async () => {
    const options = kafkaOptions({ createTopics: { partitions: 6, replicationFactor: -1, retention: 604_800_000 } })
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    const seen = new Map<string, number>()
    const owners = new Map<number, Set<string>>()
    const join = async (name: string) => {
      const due = new Map<number, number>()
      const toCommit = () => [...due].map(([partition, offset]) => ({ topic: 'APP' as const, partition, offset }))
      const one = await readAll(transport, {
        assigned: async (partitions) => {
          for (const { partition } of partitions) owners.set(partition, (owners.get(partition) ?? new Set()).add(name))
          return []
        },
        revoked: async (partitions: readonly TopicPartition[]) => {
          await one.consumer.commit(toCommit())
          for (const { partition } of partitions) owners.get(partition)?.delete(name)
          due.clear()
        },
        records: async ({ partition, records }) => {
          expect([...(owners.get(partition) ?? [])]).toEqual([name])
          for (const { headers } of records) seen.set(headers['id'] ?? '', (seen.get(headers['id'] ?? '') ?? 0) + 1)
          due.set(partition, (records.at(-1)?.offset ?? 0) + 1)
        },
      })
      return one
    }
    let sent = 0
    const flowing = new AbortController()
    const flow = (async () => {
      while (!flowing.signal.aborted) {
        const batch = Array.from({ length: 20 }, (_, index) => recordOf(`key ${index}`, String(sent + index)))
        await producer.send(batch, never)
        sent += batch.length
      }
    })()
    const partitionsOf = (name: string) => [...owners.values()].filter((names) => names.has(name)).length
    await join('first')
    await eventually(() => partitionsOf('first') === 6)
    const second = await join('second')
    await eventually(() => partitionsOf('first') === 3 && partitionsOf('second') === 3)
    await second.stop()
    await eventually(() => partitionsOf('first') === 6)
    flowing.abort()
    await flow
    await eventually(() => seen.size === sent)
    expect([...seen.values()].filter((times) => times > 1)).toEqual([])
  })

  test('a handler that outlives its assignment is left alone with its partition when that comes back', async () => {
    const { transport } = await openKafka(kafkaOptions(onePartition))
    const producer = (await transport.createProducer()).value
    const gate = Promise.withResolvers<void>()
    let [running, most] = [0, 0]
    const texts: string[] = []
    const first = await readAll(transport, {
      records: async ({ records }) => {
        most = Math.max(most, ++running)
        await gate.promise
        running--
        texts.push(...records.map(({ value }) => value.toString()))
      },
    })
    await producer.send(numbered(0, 1), never)
    await eventually(() => running === 1)
    const second = await readAll(transport)
    await eventually(() => second.consumer.isConnected())
    await second.stop()
    await producer.send(numbered(1, 2), never)
    // It is read again, both records of it: nothing was committed.
    await eventually(() => first.consumer.lag()[0]?.records === 2)
    expect([running, most]).toEqual([1, 1])
    gate.resolve()
    await eventually(() => expect(texts.slice(-1)).toEqual(['1']))
    expect(most).toBe(1)
  })

  test('a handler that lags is not overrun: its lag is shown, and memory holds what fits', async () => {
    const options = kafkaOptions({ ...onePartition, compression: 'none' })
    const { transport, metrics } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    const big = { ...recordOf('k', 'big'), value: Buffer.alloc(200_000, 'x') }
    for (let index = 0; index < 10; index++)
      await producer.send(
        Array.from({ length: 5 }, () => big),
        never,
      )
    const gate = Promise.withResolvers<void>()
    let calls = 0
    const { consumer } = await readAll(transport, {
      records: async () => {
        calls++
        await gate.promise
      },
    })
    await eventually(() => consumer.lag()[0]?.records === 50)
    await producer.send([big], never)
    await eventually(() => consumer.lag()[0]?.records === 51)
    expect(await metrics.registry.metrics()).toContain('thump_consumer_lag{topic="APP",partition="0"} 51')
    expect(calls).toBe(1)
    gate.resolve()
    await eventually(() => consumer.lag()[0]?.records === 0)
  })

  test('offsets never go back, and those of partitions that are not owned are ignored', async () => {
    const options = kafkaOptions(onePartition)
    const { transport } = await openKafka(options)
    await (await transport.createProducer()).value.send(numbered(0, 5), never)
    const first = await readAll(transport)
    await eventually(() => first.records.length === 5)
    const commit = (offset: number, partition = 0) => first.consumer.commit([{ topic: 'APP', partition, offset }])
    await commit(4)
    await commit(2)
    await commit(1, 77)
    const group = { groupId: `${options.group}-reader`, topics: [options.topics.APP] }
    const committed = await administer((admin) => admin.fetchOffsets(group))
    expect(committed[0]?.partitions.map(({ offset }) => offset)).toEqual(['4'])
    await first.stop()
    await commit(5)
    expect(await administer((admin) => admin.fetchOffsets(group))).toEqual(committed)
  })

  test('a reader that begins at the end goes on from there, though it read nothing before it stopped', async () => {
    const options = kafkaOptions(onePartition)
    const { transport } = await openKafka(options)
    const producer = (await transport.createProducer()).value
    await producer.send(numbered(0, 3), never)
    const ended = Promise.withResolvers<void>()
    const first = await readAll(transport, { caughtUp: () => ended.resolve() }, { startAt: 'latest' })
    await ended.promise
    await first.stop()
    await producer.send(numbered(3, 5), never)
    const { texts } = await readAll(transport, {}, { startAt: 'latest' })
    await eventually(() => expect(texts()).toEqual(['3', '4']))
  })

  test('what a handler does not take is offered again, never skipped', async () => {
    const { transport } = await openKafka(kafkaOptions(onePartition))
    await (await transport.createProducer()).value.send(numbered(0, 3), never)
    const offered: string[][] = []
    await readAll(transport, {
      records: async ({ records }) => {
        offered.push(records.map(({ value }) => value.toString()))
        if (offered.length < 3) throw new Error('not now')
      },
    })
    await eventually(() => expect(offered).toEqual([0, 1, 2].map(() => ['0', '1', '2'])))
  })
})
