import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type {
  Consumer,
  ConsumerHandlers,
  ConsumerOptions,
  PartitionLag,
  TopicPartition,
  TopicPartitionOffset,
} from '../transport.ts'
import { Commits } from './commits.ts'
import { Fetcher } from './fetcher.ts'
import { Group } from './group.ts'
import type { KafkaParts } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { keyOf, listOffsets } from './offsets.ts'
import { Outage } from './outage.ts'
import { PartitionReader } from './partition-reader.ts'
import { startsOf } from './starting-offsets.ts'
import { createMissing } from './topics.ts'

/** How long a rebalance waits for handlers at work, then for their owner to commit and let go. */
const handlersEndMs = 5000
const handOverMs = 20_000
const stopMs = 10_000
const watchIntervalMs = 5000

/** Waits for the work no longer than that; leaves no timer, which would keep a short command from ending. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  await Promise.race([work, sleep(ms, over.signal).catch(() => {})])
  over.abort()
}

/** Reads the topics as a member of the role's group. */
export function startConsumer(
  parts: KafkaParts,
  options: ConsumerOptions,
  handlers: ConsumerHandlers,
): Started<KafkaConsumer> {
  const consumer = new KafkaConsumer(parts, options, handlers)
  return { value: consumer, stop: () => consumer.stop() }
}

export class KafkaConsumer implements Consumer {
  readonly #parts: KafkaParts
  readonly #options: ConsumerOptions
  readonly #handlers: ConsumerHandlers
  readonly #client
  readonly #metadata
  readonly #group: Group
  readonly #outage: Outage
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #readers = new Map<string, PartitionReader>()
  #fetcher: Fetcher | undefined
  /** Handlers that were still at work when their partition was taken away. */
  readonly #lingering = new Map<string, Promise<void>>()
  readonly #commits: Commits
  #stopped: Promise<void> | undefined
  readonly #watchdog = setInterval(() => this.#watch(), watchIntervalMs)

  constructor(parts: KafkaParts, options: ConsumerOptions, handlers: ConsumerHandlers) {
    this.#parts = parts
    this.#options = options
    this.#handlers = handlers
    this.#client = parts.connect()
    this.#metadata = new Metadata(this.#client)
    this.#outage = new Outage(parts.outages)
    const { topics } = parts.options
    this.#group = new Group({
      client: this.#client,
      metadata: this.#metadata,
      outage: this.#outage,
      groupId: `${parts.options.group}-${options.role}`,
      topics: options.topics.map((topic) => topics[topic]),
      prepare: () => this.#prepare(),
      given: (partitions) => this.#given(partitions),
      taken: (isLost) => this.#taken(isLost),
    })
    const readerOf = (at: TopicPartition) => this.#readers.get(keyOf(at))
    this.#commits = new Commits({ group: this.#group, groupId: this.#groupId, log: parts.log, readerOf })
    // After the caller has what it is about to be called back about.
    this.#running = new Promise((resolve) => void setImmediate(resolve)).then(() =>
      this.#group.run(this.#stopping.signal),
    )
  }

  isConnected(): boolean {
    return this.problem() === undefined
  }

  problem(): string | undefined {
    return this.#outage.reason ?? (this.#group.isMember() ? undefined : 'not a member of its group yet')
  }

  lag(): readonly PartitionLag[] {
    return [...this.#readers.values()].map(({ at, lag }) => ({ ...at, records: lag }))
  }

  commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    return this.#commits.add(offsets)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    clearInterval(this.#watchdog)
    this.#stopping.abort(new UnavailableError('kafka', new Error('the consumer is closed')))
    await atMost(stopMs, this.#running)
    this.#readers.clear()
    this.#outage.end()
    this.#client.close()
  }

  async #prepare(): Promise<void> {
    const { options, log } = this.#parts
    const names = this.#options.topics.map((topic) => options.topics[topic])
    const deps = { client: this.#client, metadata: this.#metadata, createTopics: options.createTopics, log }
    try {
      await createMissing(deps, names)
      for (const place of ['topics', 'metadata']) this.#outage.worked(place)
    } catch (cause) {
      // What others may create later is read from then on.
      if (!(cause instanceof RejectedError)) throw cause
      this.#outage.failed('topics', cause)
    }
  }

  async #given(partitions: ReadonlyMap<string, readonly number[]>): Promise<void> {
    const { topics: names } = this.#parts.options
    const owned = this.#options.topics.flatMap((topic) =>
      (partitions.get(names[topic]) ?? []).map((partition) => ({ topic, partition, wireTopic: names[topic] })),
    )
    const { committed, starts } = await startsOf(owned, {
      client: this.#client,
      metadata: this.#metadata,
      group: this.#group,
      groupId: this.#groupId,
      startAt: this.#options.startAt,
      signal: this.#stopping.signal,
    })
    const told = owned.map(({ topic, partition }) => ({ topic, partition }))
    // Last, for nothing may fail between this and the first record.
    const overrides = (owned.length > 0 && (await this.#handlers.assigned?.(told))) || []
    const wanted = new Map(overrides.map((one) => [keyOf(one), one.offset]))
    const fresh = owned.filter((one) => !wanted.has(keyOf(one)) && !committed.has(keyOf(one)))
    const readers = owned.map((one) => {
      const known = committed.get(keyOf(one))
      const position = wanted.get(keyOf(one)) ?? known ?? starts.get(keyOf(one)) ?? 0
      const { topic, partition, wireTopic } = one
      return new PartitionReader(
        {
          at: { topic, partition },
          wireTopic,
          handlers: this.#handlers,
          log: this.#parts.log,
          onRoom: () => this.#fetcher?.room(),
          after: this.#lingering.get(keyOf(one)),
        },
        position,
        known,
      )
    })
    this.#readers = new Map(readers.map((reader) => [keyOf(reader.at), reader]))
    this.#parts.log.info({ group: this.#groupId, partitions: owned.length }, 'partitions assigned')
    this.#fetch(readers)
    // Else what comes before the first commit would be passed over at the next start.
    if (this.#options.startAt === 'latest' && fresh.length > 0)
      this.commit(fresh.map((one) => ({ ...one, offset: starts.get(keyOf(one)) ?? 0 }))).catch((err: unknown) =>
        this.#parts.log.warn({ err }, 'the start at the end is not kept'),
      )
  }

  #fetch(readers: readonly PartitionReader[]): void {
    this.#fetcher?.end()
    this.#fetcher = new Fetcher({
      client: this.#client,
      metadata: this.#metadata,
      outage: this.#outage,
      readers,
      limits: this.#parts.fetchLimits,
      outOfRange: (reader) => this.#outOfRange(reader),
    })
    this.#fetcher.start()
  }

  /** Reading that does not go on is begun anew, from where it was. */
  #watch(): void {
    if (!this.#fetcher?.isStuck(Date.now())) return
    this.#parts.onStuck()
    this.#parts.log.error({ group: this.#groupId }, 'reading does not go on: it is begun anew')
    this.#fetch([...this.#readers.values()])
  }

  async #taken(isLost: boolean): Promise<void> {
    this.#fetcher?.end()
    this.#fetcher = undefined
    const readers = [...this.#readers.values()]
    if (readers.length === 0) return
    for (const reader of readers) {
      reader.end()
      this.#linger(reader)
    }
    if (isLost) this.#readers.clear()
    await atMost(handlersEndMs, Promise.all(readers.flatMap(({ ended }) => ended ?? [])))
    const { log } = this.#parts
    const told = (this.#handlers.revoked?.(readers.map(({ at }) => at)) ?? Promise.resolve()).catch((err: unknown) =>
      log.error({ err }, 'handing partitions over failed'),
    )
    await atMost(handOverMs, told)
    this.#readers.clear()
    log.info({ group: this.#groupId, partitions: readers.length, isLost }, 'partitions revoked')
  }

  #linger({ at, ended }: PartitionReader): void {
    if (!ended) return
    const key = keyOf(at)
    this.#lingering.set(key, ended)
    void ended.then(() => {
      if (this.#lingering.get(key) === ended) this.#lingering.delete(key)
    })
  }

  async #outOfRange(reader: PartitionReader): Promise<void> {
    const at = { ...reader.at, wireTopic: reader.wireTopic }
    const earliest = (await listOffsets(this.#client, this.#metadata, [at], 'beginning')).get(keyOf(at))
    const latest = (await listOffsets(this.#client, this.#metadata, [at], 'latest')).get(keyOf(at))
    if (earliest === undefined || latest === undefined) throw new UnavailableError('kafka')
    const from = reader.position
    if (from >= earliest && from <= latest) return
    const gap = { ...reader.at, from, to: earliest, reason: from < earliest ? 'retention' : 'truncated' } as const
    this.#parts.log.error(gap, 'the log does not hold these offsets')
    // What was fetched before the gap is handed on before it is told.
    await reader.ended
    await this.#handlers.gap?.(gap)
    reader.moveTo(earliest)
  }

  get #groupId(): string {
    return `${this.#parts.options.group}-${this.#options.role}`
  }
}
