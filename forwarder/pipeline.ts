import type { EventStore } from '../storage/storage.ts'
import type { Producer, RecordBatch, TopicPartition, TopicPartitionOffset } from '../transport/transport.ts'
import { maxBulkBytes } from './bulk-size.ts'
import { BulkWriter, type Pending } from './bulk-writer.ts'
import { bury, type Refused } from './burial.ts'
import { OffsetTracker } from './offset-tracker.ts'
import { readRecord } from './read-record.ts'
import type { ForwarderTelemetry } from './telemetry.ts'
import { Turnstile } from './turnstile.ts'
import { type Work, WorkQueue } from './work-queue.ts'

export interface PipelineDeps {
  readonly store: EventStore
  readonly producer: Producer
  readonly telemetry: ForwarderTelemetry
  /** Writes in flight at the same time. */
  readonly writers: number
  /** Reading pauses while more than this waits. */
  readonly maxQueuedBytes: number
}

/**
 * Takes batches in, writes them in bulk, and knows which offsets are settled. An item is settled when it is stored (now
 * or before), or lies in DEADLETTER; what may succeed later is tried for ever, alone, while reading pauses.
 */
export class Pipeline {
  readonly #deps: PipelineDeps
  readonly #offsets = new OffsetTracker()
  readonly #queue = new WorkQueue()
  readonly #entrance = new Turnstile(() => this.#hasRoom)
  #changed = Promise.withResolvers<void>()
  #busy = 0
  #isClosed = false
  readonly #bulks: BulkWriter

  constructor(deps: PipelineDeps) {
    this.#deps = deps
    const onStored = (works: readonly Work[]) => this.#settled(works)
    this.#bulks = new BulkWriter({ store: deps.store, telemetry: deps.telemetry, onStored })
  }

  /** Resolves when there is room for the batch of that time (ms), which is given at once; or when the signal aborts. */
  room(signal: AbortSignal, firstMs: number): Promise<void> {
    return this.#entrance.enter(signal, firstMs)
  }

  /** Resolves when there is room for more: this is the backpressure where nobody asks for room before. */
  async take(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) return
    this.#queue.add(batch, this.#offsets.take(batch))
    this.#change()
    if (!this.#hasRoom) await this.#until(() => this.#hasRoom, signal)
  }

  due(): TopicPartitionOffset[] {
    return this.#offsets.due()
  }

  get #hasRoom(): boolean {
    return this.#queue.bytes <= this.#deps.maxQueuedBytes
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Records that wait, are being written, or that nobody takes. */
  get unsettled(): number {
    return this.#offsets.unsettled
  }

  /**
   * Partitions that go to somebody else: what waits is left to them, what is being written is waited for until the signal
   * aborts, so that they need not do it again. Answers with what may be committed.
   */
  async release(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<TopicPartitionOffset[]> {
    for (const partition of partitions) this.#queue.drop(partition)
    this.#change()
    await this.#until(() => !partitions.some((partition) => this.#offsets.isWriting(partition)), signal)
    const due = this.#offsets.due()
    for (const partition of partitions) this.#offsets.forget(partition)
    return due
  }

  /** What comes from now on is left for the next start: it is not tracked, so it is not committed. */
  close(): void {
    this.#isClosed = true
  }

  /** Resolves when all that was taken in is settled. */
  async drained(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#queue.isEmpty && this.#busy === 0, signal)
  }

  /** Runs the writers until the signal aborts; rejects only on a mistake of our own. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: this.#deps.writers }, () => this.#write(signal)))
  }

  async #write(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#queue.isEmpty) await this.#until(() => !this.#queue.isEmpty, signal)
      const works = this.#queue.next({ documents: this.#bulks.documents, bytes: maxBulkBytes })
      if (works.length === 0) continue
      this.#busy++
      for (const { taken } of works) taken.writing++
      // There is room again.
      this.#change()
      try {
        await this.#settle(works, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        this.#busy--
        this.#change()
      }
    }
  }

  async #settle(works: readonly Work[], signal: AbortSignal): Promise<void> {
    const pending: Pending[] = []
    const refused: Refused[] = []
    for (const work of works) {
      const read = readRecord(work)
      if (read.kind === 'item') pending.push({ work, item: read.item })
      else refused.push({ work, reason: read.reason, error: read.error })
    }
    // Each partition's are in order, but not theirs with one another's: the server packs neighbours in time smaller.
    pending.sort((a, b) => a.item.atMs - b.item.atMs)
    await this.#bulks.write(pending, refused, signal)
    const { producer, telemetry } = this.#deps
    await bury(refused, { producer, telemetry, onBuried: (buried) => this.#settled(buried) }, signal)
  }

  #settled(works: readonly Work[]): void {
    for (const { taken } of works) {
      taken.remaining--
      taken.writing--
    }
    this.#change()
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
    this.#entrance.turn()
  }

  /** Resolves when it holds, which is asked at each change, or when the signal aborts. */
  async #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    const wake = () => this.#change()
    signal.addEventListener('abort', wake)
    while (!holds() && !signal.aborted) await this.#changed.promise
    signal.removeEventListener('abort', wake)
  }
}
