import { type TopicName, topicNames } from '../../event/topics.ts'
import type { Logger } from '../../runtime/log.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import type { Consumer, ConsumerHandlers, ConsumerOptions, TopicPartition, Transport } from '../transport.ts'
import { bytesBeside } from './beside.ts'
import { type PartitionView, startConsumer } from './consumer.ts'
import { GroupWriter } from './group-writer.ts'
import { type Groups, openGroups } from './groups.ts'
import { startInbox } from './inbox.ts'
import { showLag } from './lag-gauge.ts'
import { type LogDir, openLogDir } from './log-dir.ts'
import { type MoreSignal, moreSignal } from './more-signal.ts'
import { PartitionLog, syncFolder } from './partition-log.ts'
import { createProducer } from './producer.ts'
import { openReadOnly } from './read-only.ts'
import { applyRetention } from './retention.ts'

export interface EmbeddedOptions {
  readonly dir: string
  readonly topics: Readonly<Record<TopicName, string>>
  readonly partitions: number
  readonly retentionMs: number
  readonly maxBytes: number
  /** `read`: beside the process that writes; offsets are kept nowhere. */
  readonly mode: 'write' | 'read'
  /** Default 16 MiB, and a sixteenth of `maxBytes` where that is less. */
  readonly segmentBytes?: number
}

interface Place extends TopicPartition {
  readonly log: PartitionLog
  readonly more: MoreSignal
}

const defaultSegmentBytes = 16 * 2 ** 20
const retentionIntervalMs = 10_000
/** How long nothing is removed while groups whose offsets were damaged come back. */
const returnMs = 60_000

/** The own log: topics, partitions, offsets and consumer groups as in Kafka, in a folder of one process. Throws ThumpError where another process owns it. */
export async function createEmbeddedTransport(
  options: EmbeddedOptions,
  deps: RuntimeDeps,
): Promise<Started<Transport>> {
  const { dir, topics, partitions, mode } = options
  const layout = openLogDir(dir, topics, partitions, mode === 'write')
  return mode === 'read' ? openReadOnly(layout, deps) : await openWriter(layout, options, deps)
}

async function openWriter(layout: LogDir, options: EmbeddedOptions, deps: RuntimeDeps): Promise<Started<Transport>> {
  const log = deps.log.child({ component: 'transport.embedded' })
  const groups = openGroups(layout.dir, { log, now: deps.now })
  const shutdown = new Shutdown()
  const places: Place[] = []
  shutdown.add('groups', async () => groups.close(places.map(endOf)))
  try {
    for (const topic of topicNames)
      for (let partition = 0; partition < layout.partitions; partition++) {
        const place = openPlace({ topic, partition }, { layout, options, groups, log, deps })
        places.push(place)
        shutdown.add(place.log.dir, () => place.log.close())
      }
    await syncFolder(layout.dir)
    const makeRoom = retention(places, groups, options, deps)
    await makeRoom(0)
    const moreOf = new Map(places.map((place) => [place.log, place.more]))
    const writer = new GroupWriter({ log, makeRoom, onDurable: (one) => moreOf.get(one)?.notify() })
    shutdown.add('writer', () => writer.stop())
    const timer = setInterval(() => writer.tidy(), retentionIntervalMs)
    shutdown.add('retention', async () => clearInterval(timer))
    const inbox = createProducer({ partitions: layout.partitions, logOf: logOf(places), writer })
    const value = createValue({ layout, places, writer, groups, log, deps, shutdown })
    shutdown.own('inbox', startInbox(layout.dir, inbox, log))
    return { value, stop: () => shutdown.run(AbortSignal.timeout(10_000)) }
  } catch (error) {
    await shutdown.run(AbortSignal.timeout(10_000))
    throw error
  }
}

const endOf = ({ topic, partition, log }: Place) => ({ topic, partition, offset: log.durableOffset })

function openPlace(
  at: TopicPartition,
  parts: { layout: LogDir; options: EmbeddedOptions; groups: Groups; log: Logger; deps: RuntimeDeps },
): Place {
  const { layout, options, groups, log, deps } = parts
  const partitionLog = new PartitionLog({
    dir: layout.partitionDir(at.topic, at.partition),
    segmentBytes: options.segmentBytes ?? Math.min(defaultSegmentBytes, options.maxBytes / 16),
    segmentMs: options.retentionMs / 4,
    knownEnd: groups.knownEnd(at),
    onFinding: ({ path, what, fields }) => log.warn({ path, ...at, ...fields }, what),
    now: deps.now,
  })
  return { ...at, log: partitionLog, more: moreSignal() }
}

function retention(places: readonly Place[], groups: Groups, options: EmbeddedOptions, { now }: RuntimeDeps) {
  const { retentionMs, maxBytes } = options
  const logs = places.map(({ log }) => log)
  const placeOf = new Map(places.map((place) => [place.log, place]))
  const holderOf = (log: PartitionLog) => {
    const place = placeOf.get(log)
    return place && groups.holderOf(place)
  }
  const notBeforeMs = groups.isIncomplete ? now() + returnMs : 0
  let beside = 0
  return (bytes: number) => {
    // Between rounds: what lies beside is looked at every few seconds.
    if (bytes === 0) beside = bytesBeside(options.dir)
    // All of the folder is bounded, but a bound so small is all the segments'.
    const left = Math.max(maxBytes - beside, maxBytes / 2)
    return now() < notBeforeMs
      ? Promise.resolve(undefined)
      : applyRetention(logs, bytes, { retentionMs, maxBytes: left, holderOf, now })
  }
}

function logOf(places: readonly Place[]): (topic: TopicName, partition: number) => PartitionLog | undefined {
  const logs = new Map(places.map(({ topic, partition, log }) => [`${topic} ${partition}`, log]))
  return (topic, partition) => logs.get(`${topic} ${partition}`)
}

interface ValueParts {
  readonly layout: LogDir
  readonly places: readonly Place[]
  readonly writer: GroupWriter
  readonly groups: Groups
  readonly log: Logger
  readonly deps: RuntimeDeps
  readonly shutdown: Shutdown
}

function createValue(parts: ValueParts): Transport {
  const { layout, places, writer, deps, shutdown } = parts
  const consumers = new Map<Consumer, () => Promise<void>>()
  showLag(deps.metrics, () => [...consumers.keys()])
  // Who did not stop theirs must not find the log closed under it.
  shutdown.add('consumers', async () => void (await Promise.all([...consumers.values()].map((stop) => stop()))))
  return {
    kind: 'embedded',
    createProducer: async () => ({
      value: createProducer({ partitions: layout.partitions, logOf: logOf(places), writer }),
      stop: async () => {},
    }),
    async createConsumer(options, handlers) {
      const consumer = await startMember(parts, options, handlers)
      const stop = async () => {
        consumers.delete(consumer.value)
        await consumer.stop()
      }
      consumers.set(consumer.value, stop)
      return { value: consumer.value, stop }
    },
    ensureTopics: async () => {},
  }
}

function startMember(
  { places, writer, groups, log, deps }: ValueParts,
  options: ConsumerOptions,
  handlers: ConsumerHandlers,
): Promise<Started<Consumer>> {
  const { role, topics, startAt } = options
  const own = places.filter(({ topic }) => topics.includes(topic))
  // Onlookers must not hold the log: what starts at the end has a claim on it only once it commits.
  if (startAt === 'beginning') for (const place of own) groups.join(role, place)
  const views = own.map(
    ({ topic, partition, log: one, more }): PartitionView => ({
      topic,
      partition,
      dir: one.dir,
      firstOffset: () => one.firstOffset,
      endOffset: () => one.durableOffset,
      latestOffset: () => one.durableOffset,
      more: (signal) => more.wait(signal),
      isLive: () => writer.isWriting,
    }),
  )
  return startConsumer(options, handlers, {
    views,
    committed: (at) => groups.committed(role, at),
    commit(offsets) {
      const known = offsets.filter((one) => own.some((at) => at.topic === one.topic && at.partition === one.partition))
      const ends = own.filter((at) => known.some((one) => one.topic === at.topic && one.partition === at.partition))
      groups.commit(role, known, ends.map(endOf))
      writer.wake()
    },
    now: deps.now,
    log,
  })
}
