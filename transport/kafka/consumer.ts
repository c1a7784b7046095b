import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type {
  Consumer,
  ConsumerHandlers,
  ConsumerOptions,
  PartitionLag,
  TopicPartition,
  TopicPartitionOffset,
} from '../transport.ts'
import { Fetcher } from './fetcher.ts'
import { Group } from './group.ts'
import { errorName } from './kafkajs.ts'
import type { KafkaParts } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { fetchCommitted, listOffsets, type WirePartition } from './offsets.ts'
import { Outage } from './outage.ts'
import { PartitionReader } from './partition-reader.ts'
import { createMissing } from './topics.ts'

const backoff = { baseMs: 200, maxMs: 5000 }
/** How long a rebalance waits for handlers at work, then for their owner to commit and let go. */
const handlersEndMs = 5000
const handOverMs = 20_000
const stopMs = 10_000
const startAttempts = 5
const watchIntervalMs = 5000

const keyOf = ({ topic, partition }: TopicPartition) => `${topic} ${partition}`

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
  #commits: Promise<void> = Promise.resolve()
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
    const turn = this.#commits.then(() => this.#commit(offsets))
    this.#commits = turn.catch(() => {})
    return turn
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
    const { committed, starts } = await this.#startsOf(owned)
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

  /**
   * What the group has committed, and where the rest begins: a partition that was added to a topic the group reads, at its
   * beginning, for nobody has seen what came into it before it was noticed. A topic just made has no leader for a moment.
   */
  async #startsOf(owned: readonly WirePartition[]) {
    for (let attempt = 0; ; attempt++) {
      try {
        const committed = await fetchCommitted(this.#group, this.#groupId, this.#siblingsOf(owned))
        const isKnown = ({ topic }: WirePartition) => [...committed.keys()].some((key) => key.startsWith(`${topic} `))
        const fresh = owned.filter((one) => !committed.has(keyOf(one)))
        const [added, first] = [fresh.filter(isKnown), fresh.filter((one) => !isKnown(one))]
        const begins = await listOffsets(this.#client, this.#metadata, added, 'beginning')
        const starts = await listOffsets(this.#client, this.#metadata, first, this.#options.startAt)
        return { committed, starts: new Map([...begins, ...starts]) }
      } catch (cause) {
        if (attempt === startAttempts) throw cause
        await sleep(backoffMs(backoff, attempt, Math.random()), this.#stopping.signal)
        await this.#metadata.refresh()
      }
    }
  }

  /** All partitions of the topics, whoever owns them. */
  #siblingsOf(owned: readonly WirePartition[]): WirePartition[] {
    const byTopic = Map.groupBy(owned, ({ topic }) => topic)
    return [...byTopic].flatMap(([topic, ones]) => {
      const wireTopic = ones[0]?.wireTopic ?? ''
      const known = [...(this.#metadata.topic(wireTopic)?.leaders.keys() ?? [])]
      const all = new Set([...known, ...ones.map(({ partition }) => partition)])
      return [...all].map((partition) => ({ topic, partition, wireTopic }))
    })
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

  async #commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const due = offsets.flatMap((one) => {
        const reader = this.#readers.get(keyOf(one))
        return reader && one.offset > (reader.committed ?? -1) ? [{ reader, offset: one.offset }] : []
      })
      if (due.length === 0) return
      const error = await this.#commitOnce(due).catch((cause: unknown) => cause)
      if (error === undefined) return
      if (error instanceof RejectedError) throw error
      if (attempt === 0) this.#parts.log.debug({ err: error }, 'commit is tried again')
      await sleep(backoffMs(backoff, attempt, Math.random()))
    }
  }

  /** Returns what is wrong where it may be right later. */
  async #commitOnce(due: ReadonlyArray<{ reader: PartitionReader; offset: number }>): Promise<unknown> {
    const { generation } = this.#group
    if (!generation) return new Error('not a member of the group')
    const answer = await this.#group.ask<{
      responses: ReadonlyArray<{ topic: string; partitions: ReadonlyArray<{ partition: number; errorCode: number }> }>
    }>('OffsetCommit', {
      groupId: this.#groupId,
      groupGenerationId: generation.id,
      memberId: generation.memberId,
      topics: [...Map.groupBy(due, ({ reader }) => reader.wireTopic)].map(([topic, ones]) => ({
        topic,
        partitions: ones.map(({ reader, offset }) => ({ partition: reader.at.partition, offset: String(offset) })),
      })),
    })
    let problem: Error | undefined
    for (const { topic, partitions } of answer.responses) {
      for (const { partition, errorCode } of partitions) {
        const done = due.find(({ reader }) => reader.wireTopic === topic && reader.at.partition === partition)
        const error = this.#group.note(errorCode)
        if (error?.endsWith('AUTHORIZATION_FAILED')) throw new RejectedError('not-authorized', `commit: ${error}`)
        if (error !== undefined) problem = new Error(`${topic}-${partition}: ${errorName(errorCode)}`)
        else if (done) done.reader.committed = Math.max(done.offset, done.reader.committed ?? -1)
      }
    }
    return problem
  }

  get #groupId(): string {
    return `${this.#parts.options.group}-${this.#options.role}`
  }
}
