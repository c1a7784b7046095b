import type { Logger } from '../../runtime/log.ts'
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
import { PartitionReader } from './partition-reader.ts'

/** What a consumer sees of one partition. */
export interface PartitionView extends TopicPartition {
  readonly dir: string
  /** First offset not to be read yet; Infinity where only the files tell. */
  endOffset(): number
  /** For a start at the end. */
  latestOffset(): number
  /** Resolves when there may be more, at the latest after a second. */
  more(signal: AbortSignal): Promise<void>
}

export interface ConsumerDeps {
  readonly views: readonly PartitionView[]
  /** Joins the group and answers its committed offset; absent in read mode. */
  readonly join?: ((partition: TopicPartition) => number | undefined) | undefined
  readonly commit?: ((offsets: readonly TopicPartitionOffset[]) => void) | undefined
  readonly now: () => number
  readonly log: Logger
}

const retryMs = 1000

/** One loop a partition: a batch at a time, the next when the handler is done with it. */
export async function startConsumer(
  { startAt }: ConsumerOptions,
  handlers: ConsumerHandlers,
  { views, join, commit, now, log }: ConsumerDeps,
): Promise<Started<Consumer>> {
  const stopping = new AbortController()
  const { signal } = stopping
  const partitions = views.map(({ topic, partition }) => ({ topic, partition }))
  const committed = new Map(views.map((view) => [view, join?.(view)]))
  const overrides = (await handlers.assigned?.(partitions)) ?? []
  const readers = views.map((view) => {
    const override = overrides.find(({ topic, partition }) => topic === view.topic && partition === view.partition)
    const start = override?.offset ?? committed.get(view) ?? (startAt === 'latest' ? view.latestOffset() : 0)
    return { view, reader: new PartitionReader(view.dir, start) }
  })
  const loops = readers.map(({ view, reader }) => follow(view, reader, handlers, { now, log, signal }))
  const value: Consumer = {
    commit: async (offsets) => commit?.(offsets),
    lag: () =>
      readers.map(({ view, reader }): PartitionLag => {
        const end = Math.max(reader.offset, Number.isFinite(view.endOffset()) ? view.endOffset() : view.latestOffset())
        return { topic: view.topic, partition: view.partition, records: end - reader.offset }
      }),
    isConnected: () => true,
  }
  let stopped: Promise<void> | undefined
  const stop = async () => {
    stopping.abort(new Error('consumer is stopping'))
    await Promise.all(loops)
    await handlers.revoked?.(partitions)
  }
  return { value, stop: () => (stopped ??= stop()) }
}

async function follow(
  view: PartitionView,
  reader: PartitionReader,
  handlers: ConsumerHandlers,
  { now, log, signal }: { now: () => number; log: Logger; signal: AbortSignal },
): Promise<void> {
  const { topic, partition } = view
  while (!signal.aborted) {
    try {
      const endOffset = view.endOffset()
      const step = await reader.step(endOffset)
      if (step.kind === 'records') {
        const end = view.endOffset()
        const highWatermark = Number.isFinite(end) ? end : reader.offset
        await handlers.records({ topic, partition, records: step.records, highWatermark })
      } else if (step.kind === 'gap') {
        const { from, to, reason } = step
        await handlers.gap?.({ topic, partition, from, to, reason })
      } else {
        handlers.caughtUp?.({ topic, partition }, now())
        // What came while we looked has given its notice already.
        if (view.endOffset() === endOffset) await view.more(signal)
      }
    } catch (error) {
      if (signal.aborted) break
      // A handler that fails is a mistake of ours; a read that fails may succeed later. Neither may skip a record.
      log.error({ err: error, topic, partition, offset: reader.offset }, 'reading the log failed: tried again')
      await sleep(retryMs, signal).catch(() => {})
    }
  }
  await reader.close()
}
