import { type TopicName, topicNames } from '../../event/topics.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import type { TransportDeps } from '../open-transport.ts'
import type { Consumer, OutRecord, Producer, SendResult, Transport } from '../transport.ts'
import { type PartitionView, startConsumer } from './consumer.ts'
import { GroupWriter } from './group-writer.ts'
import { openGroups } from './groups.ts'
import { type LogDir, openLogDir } from './log-dir.ts'
import { PartitionLog } from './partition-log.ts'
import { partitionOf } from './partition-of.ts'
import { openReadOnly } from './read-only.ts'
import { applyRetention } from './retention.ts'
import { moreSignal } from './more-signal.ts'

export interface EmbeddedOptions {
  readonly dir: string
  readonly topics: Readonly<Record<TopicName, string>>
  readonly partitions: number
  readonly retentionMs: number
  readonly maxBytes: number
  /** `read`: beside the process that writes; offsets are kept nowhere. */
  readonly mode: 'write' | 'read'
  /** Default 16 MiB. */
  readonly segmentBytes?: number
}

/** Larger records are refused for good. */
const maxRecordBytes = 16 * 2 ** 20
const retentionIntervalMs = 10_000

/** The own log: topics, partitions, offsets and consumer groups as in Kafka, in a folder of one process. Throws ThumpError where another process owns it. */
export async function createEmbeddedTransport(
  options: EmbeddedOptions,
  deps: TransportDeps,
): Promise<Started<Transport>> {
  const { dir, topics, partitions, mode } = options
  const layout = openLogDir(dir, topics, partitions, mode === 'write')
  return mode === 'read' ? openReadOnly(layout, deps) : openWriter(layout, options, deps)
}

function openWriter(layout: LogDir, options: EmbeddedOptions, deps: TransportDeps): Started<Transport> {
  const log = deps.log.child({ component: 'transport.embedded' })
  const shutdown = new Shutdown()
  const groups = openGroups(layout.dir)
  shutdown.add('groups', async () => groups.close())
  const { segmentBytes = 16 * 2 ** 20, retentionMs, maxBytes } = options
  let hasRoom = true
  const places = new Map<PartitionLog, { topic: TopicName; partition: number }>()
  const logs = new Map<string, PartitionLog>()
  for (const topic of topicNames) {
    for (let partition = 0; partition < layout.partitions; partition++) {
      const partitionLog = new PartitionLog({
        dir: layout.partitionDir(topic, partition),
        segmentBytes,
        onRoll: () => (hasRoom = retain()),
        onFinding: ({ path, what, fields }) => log.warn({ path, ...fields }, what),
      })
      logs.set(`${topic} ${partition}`, partitionLog)
      places.set(partitionLog, { topic, partition })
      shutdown.add(partitionLog.dir, () => partitionLog.close())
    }
  }
  const unreadFrom = (one: PartitionLog) => {
    const place = places.get(one)
    return place && groups.least(place)
  }
  const retain = () => applyRetention([...logs.values()], { retentionMs, maxBytes, unreadFrom, now: deps.now })
  hasRoom = retain()
  const more = moreSignal()
  const writer = new GroupWriter({ log, onDurable: () => more.notify(), hasRoom: () => (hasRoom ||= retain()) })
  shutdown.add('writer', () => writer.stop())
  const timer = setInterval(() => (hasRoom = retain()), retentionIntervalMs)
  shutdown.add('retention', async () => clearInterval(timer))
  const logOf = (topic: TopicName, partition: number) => logs.get(`${topic} ${partition}`) as PartitionLog
  const viewOf = (topic: TopicName, partition: number): PartitionView => {
    const one = logOf(topic, partition)
    return {
      topic,
      partition,
      dir: one.dir,
      endOffset: () => one.durableOffset,
      latestOffset: () => one.durableOffset,
      more: (signal) => more.wait(signal),
    }
  }
  const lagOf = lagGauge(deps)
  const value: Transport = {
    kind: 'embedded',
    createProducer: async () => ({ value: producerOf(layout, logOf, writer), stop: async () => {} }),
    async createConsumer(consumerOptions, handlers) {
      const { role, topics, startAt } = consumerOptions
      const views = topics.flatMap((topic) =>
        Array.from({ length: layout.partitions }, (_, partition) => viewOf(topic, partition)),
      )
      // Onlookers must not hold the log: what starts at the end has no claim on what lies before.
      const isMember = startAt === 'beginning'
      const consumer = await startConsumer(consumerOptions, handlers, {
        views,
        join: isMember ? (partition) => groups.join(role, partition) : undefined,
        commit: isMember ? (offsets) => groups.commit(role, offsets) : undefined,
        now: deps.now,
        log,
      })
      return isMember ? lagOf(consumer) : consumer
    },
    ensureTopics: async () => {},
  }
  return { value, stop: () => shutdown.run(AbortSignal.timeout(10_000)) }
}

function producerOf(
  { partitions }: LogDir,
  logOf: (topic: TopicName, partition: number) => PartitionLog,
  writer: GroupWriter,
): Producer & { isConnected(): boolean } {
  return {
    isConnected: () => writer.isWriting,
    async send(records, signal): Promise<SendResult> {
      signal.throwIfAborted()
      const rejected: Array<SendResult['rejected'][number]> = []
      const accepted: OutRecord[] = []
      for (const [index, record] of records.entries()) {
        if (record.value.length <= maxRecordBytes) accepted.push(record)
        else
          rejected.push({
            index,
            reason: 'too-large',
            error: `${record.value.length} bytes; at most ${maxRecordBytes}`,
          })
      }
      const groups = Map.groupBy(accepted, ({ topic, key }) => logOf(topic, partitionOf(key, partitions)))
      const writing = Promise.all([...groups].map(([log, group]) => writer.write(log, group)))
      await unlessAborted(writing, signal)
      return { rejected }
    },
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** Several consumers share one gauge: the lag of the one furthest behind is shown. */
function lagGauge({ metrics }: TransportDeps): (consumer: Started<Consumer>) => Started<Consumer> {
  const consumers = new Set<Consumer>()
  metrics.gauge(
    'thump_consumer_lag',
    'Records behind the end, of the consumer furthest behind',
    ['topic', 'partition'],
    (gauge) => {
      gauge.reset()
      const worst = new Map<string, { topic: TopicName; partition: number; records: number }>()
      for (const consumer of consumers) {
        for (const lag of consumer.lag()) {
          const key = `${lag.topic} ${lag.partition}`
          if (lag.records >= (worst.get(key)?.records ?? 0)) worst.set(key, lag)
        }
      }
      for (const { topic, partition, records } of worst.values()) gauge.set({ topic, partition }, records)
    },
  )
  return ({ value, stop }) => {
    consumers.add(value)
    const leave = async () => {
      consumers.delete(value)
      await stop()
    }
    return { value, stop: leave }
  }
}
