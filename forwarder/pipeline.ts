import { backoffMs, retryForever, sleep } from '../runtime/retry.ts'
import type { EventStore, Outcome, StoreItem } from '../storage/storage.ts'
import type { Producer, RecordBatch, TopicPartition, TopicPartitionOffset } from '../transport/transport.ts'
import { initialBulkSize, maxBulkBytes, nextBulkSize } from './bulk-size.ts'
import { OffsetTracker, type Taken } from './offset-tracker.ts'
import { type Arrival, deadLetter, readRecord } from './read-record.ts'
import type { ForwarderTelemetry } from './telemetry.ts'

export interface PipelineDeps {
  readonly store: EventStore
  readonly producer: Producer
  readonly telemetry: ForwarderTelemetry
  /** Writes in flight at the same time. */
  readonly writers: number
  /** Reading pauses while more than this waits. */
  readonly maxQueuedBytes: number
}

interface Work extends Arrival {
  readonly taken: Taken
}

interface Refused {
  readonly work: Work
  readonly reason: string
  readonly error: string
}

interface Pending {
  readonly work: Work
  readonly item: StoreItem
}

const backoff = { baseMs: 200, maxMs: 30_000 }

/**
 * Takes batches in, writes them in bulk, and knows which offsets are settled. An item is settled when it is stored (now
 * or before), or lies in DEADLETTER; what may succeed later is tried for ever, alone, while reading pauses.
 */
export class Pipeline {
  readonly #deps: PipelineDeps
  readonly #offsets = new OffsetTracker()
  readonly #queue: Work[] = []
  readonly #changed = new EventTarget()
  #queuedBytes = 0
  #busy = 0
  #isClosed = false
  #bulk = initialBulkSize

  constructor(deps: PipelineDeps) {
    this.#deps = deps
  }

  /** Resolves when there is room for more: this is the backpressure. */
  async take(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) return
    const taken = this.#offsets.take(batch)
    const { topic, partition } = batch
    for (const record of batch.records) {
      this.#queue.push({ topic, partition, record, taken })
      this.#queuedBytes += record.value.length
    }
    this.#change()
    while (this.#queuedBytes > this.#deps.maxQueuedBytes && !signal.aborted) await this.#nextChange(signal)
  }

  due(): TopicPartitionOffset[] {
    return this.#offsets.due()
  }

  forget(partition: TopicPartition): void {
    this.#offsets.forget(partition)
    const kept = this.#queue.filter((work) => work.topic !== partition.topic || work.partition !== partition.partition)
    this.#queue.splice(0, this.#queue.length, ...kept)
    this.#queuedBytes = kept.reduce((sum, { record }) => sum + record.value.length, 0)
    this.#change()
  }

  /** What comes from now on is left for the next start: it is not tracked, so it is not committed. */
  close(): void {
    this.#isClosed = true
  }

  /** Resolves when all that was taken in is settled. */
  async drained(signal: AbortSignal): Promise<void> {
    while ((this.#queue.length > 0 || this.#busy > 0) && !signal.aborted) await this.#nextChange(signal)
  }

  /** Runs the writers until the signal aborts; rejects only on a mistake of our own. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: this.#deps.writers }, () => this.#write(signal)))
  }

  async #write(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const works = this.#next()
      if (works.length === 0) {
        await this.#nextChange(signal)
        continue
      }
      this.#busy++
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

  #next(): Work[] {
    let bytes = 0
    let count = 0
    for (const { record } of this.#queue) {
      if (count >= this.#bulk.documents || (bytes > 0 && bytes + record.value.length > maxBulkBytes)) break
      bytes += record.value.length
      count++
    }
    this.#queuedBytes -= bytes
    return this.#queue.splice(0, count)
  }

  async #settle(works: readonly Work[], signal: AbortSignal): Promise<void> {
    let pending: Pending[] = []
    const refused: Refused[] = []
    for (const work of works) {
      const read = readRecord(work)
      if (read.kind === 'item') pending.push({ work, item: read.item })
      else refused.push({ work, reason: read.reason, error: read.error })
    }
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt > 0) await sleep(backoffMs(backoff, attempt - 1, Math.random()), signal)
      const outcomes = await this.#store(pending, signal)
      const again: Pending[] = []
      for (const [index, one] of pending.entries()) {
        const outcome = outcomes[index]
        if (!outcome || outcome.kind === 'retry') again.push(one)
        else if (outcome.kind === 'stored') this.#stored(one, outcome.isDuplicate)
        else refused.push({ work: one.work, reason: outcome.reason, error: outcome.error })
      }
      this.#countRetries(outcomes)
      this.#bulk = nextBulkSize(this.#bulk, again.length > 0)
      pending = again
    }
    await this.#bury(refused, signal)
  }

  #store(pending: readonly Pending[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const { store, telemetry } = this.#deps
    const items = pending.map(({ item }) => item)
    return retryForever(() => store.write(items, signal), backoff, signal, {
      onFailure: (cause) => telemetry.away(cause),
      onRecovered: () => telemetry.back(),
    })
  }

  #countRetries(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) if (outcome.kind === 'retry') this.#deps.telemetry.retried(outcome.reason, 1)
  }

  #stored({ work }: Pending, isDuplicate: boolean): void {
    this.#deps.telemetry.stored(isDuplicate)
    work.taken.remaining--
  }

  async #bury(refused: readonly Refused[], signal: AbortSignal): Promise<void> {
    if (refused.length === 0) return
    const { producer, telemetry } = this.#deps
    await producer.send(
      refused.map(({ work, reason, error }) => deadLetter(work, reason, error)),
      signal,
    )
    for (const { work, reason, error } of refused) {
      telemetry.deadLettered(reason, error, work.record.headers['id'])
      work.taken.remaining--
    }
  }

  #change(): void {
    this.#changed.dispatchEvent(new Event('change'))
  }

  /** Resolves at the next change, or when the signal aborts. */
  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve()
        return
      }
      const done = () => {
        this.#changed.removeEventListener('change', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#changed.addEventListener('change', done)
      signal.addEventListener('abort', done)
    })
  }
}
