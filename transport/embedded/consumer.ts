import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/log.ts'
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
import { PartitionReader, type ReadStep } from './partition-reader.ts'

/** What a consumer sees of one partition. */
export interface PartitionView extends TopicPartition {
  readonly dir: string
  firstOffset(): number
  /** First offset not to be read yet; Infinity where only the files tell. */
  endOffset(): number
  /** For a start at the end, and for the lag. */
  latestOffset(): number
  /** Resolves when there may be more, at the latest after half a second. */
  more(signal: AbortSignal): Promise<void>
  /** False while writing pauses: what comes later may be older than the wall clock says. */
  isLive(): boolean
}

export interface ConsumerDeps {
  readonly views: readonly PartitionView[]
  /** The group's offset; none is kept in read mode. */
  readonly committed: (partition: TopicPartition) => number | undefined
  readonly commit: (offsets: readonly TopicPartitionOffset[]) => void
  readonly now: Clock
  readonly log: Logger
}

const backoff = { baseMs: 200, maxMs: 10_000 }

/** One loop a partition: a batch at a time, the next when the handler is done with it. */
export async function startConsumer(
  { startAt }: ConsumerOptions,
  handlers: ConsumerHandlers,
  { views, committed, commit, now, log }: ConsumerDeps,
): Promise<Started<Consumer>> {
  const stopping = new AbortController()
  const { signal } = stopping
  const partitions = views.map(({ topic, partition }) => ({ topic, partition }))
  // Before the first await: what is sent from now on is not passed over.
  const starts = views.map((view) => committed(view) ?? (startAt === 'latest' ? view.latestOffset() : 0))
  const overrides = (await handlers.assigned?.(partitions)) ?? []
  const readers = views.map((view, index) => {
    const override = overrides.find(({ topic, partition }) => topic === view.topic && partition === view.partition)
    return { view, reader: new PartitionReader(view.dir, override?.offset ?? starts[index] ?? 0) }
  })
  // After the caller has what it is about to be called back about.
  const started = new Promise((resolve) => void setImmediate(resolve))
  const loops = readers.map(({ view, reader }) =>
    started.then(() => new Follower(view, reader, handlers, { now, log, signal }).run()),
  )
  const value: Consumer = {
    commit: async (offsets) => commit(offsets),
    lag: () =>
      readers.map(({ view, reader }): PartitionLag => {
        const { topic, partition } = view
        return { topic, partition, records: Math.max(0, view.latestOffset() - reader.offset) }
      }),
    isConnected: () => true,
    problem: () => undefined,
  }
  let stopped: Promise<void> | undefined
  const stop = async () => {
    stopping.abort(new Error('consumer is stopping'))
    await Promise.all(loops)
    await handlers.revoked?.(partitions)
  }
  return { value, stop: () => (stopped ??= stop()) }
}

/** Reads one partition for its handlers until the signal aborts. */
class Follower {
  readonly #view: PartitionView
  readonly #reader: PartitionReader
  readonly #handlers: ConsumerHandlers
  readonly #deps: { readonly now: Clock; readonly log: Logger; readonly signal: AbortSignal }
  /** What was read and is not handed on yet: a handler that fails is given it again. */
  #step: ReadStep | undefined

  constructor(
    view: PartitionView,
    reader: PartitionReader,
    handlers: ConsumerHandlers,
    deps: { readonly now: Clock; readonly log: Logger; readonly signal: AbortSignal },
  ) {
    this.#view = view
    this.#reader = reader
    this.#handlers = handlers
    this.#deps = deps
  }

  async run(): Promise<void> {
    const { log, signal } = this.#deps
    const { topic, partition } = this.#view
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#next()
        failures = 0
      } catch (error) {
        if (signal.aborted) break
        const offset = this.#reader.offset
        log.error({ err: error, topic, partition, offset }, 'a batch was not read or not taken, tried again')
        await sleep(backoffMs(backoff, failures++, Math.random()), signal).catch(() => {})
      }
    }
    await this.#reader.close()
  }

  async #next(): Promise<void> {
    const { topic, partition } = this.#view
    // Asked before reading: what comes meanwhile is later than this.
    const atMs = this.#deps.now()
    const endOffset = this.#view.endOffset()
    const step = (this.#step ??= await this.#read(endOffset))
    if (step.kind === 'records') {
      const end = this.#view.endOffset()
      const highWatermark = Number.isFinite(end) ? end : this.#reader.offset
      await this.#handlers.records({ topic, partition, records: step.records, highWatermark })
    } else if (step.kind === 'gap') {
      const { from, to, reason } = step
      const gap = { topic, partition, from, to, reason }
      this.#deps.log.error(gap, 'the log does not hold these offsets')
      await this.#handlers.gap?.(gap)
    } else if (this.#view.isLive()) this.#handlers.caughtUp?.({ topic, partition }, atMs)
    this.#step = undefined
    // What came while we looked has given its notice already.
    if (step.kind === 'end' && this.#view.endOffset() === endOffset) await this.#view.more(this.#deps.signal)
  }

  async #read(endOffset: number): Promise<ReadStep> {
    const from = this.#reader.offset
    if (!Number.isFinite(endOffset) || from <= endOffset) return await this.#reader.step(endOffset)
    // An offset of its owner's that this log never gave: it was made anew.
    const to = this.#view.firstOffset()
    await this.#reader.moveTo(to)
    return { kind: 'gap', from, to, reason: 'truncated' }
  }
}
