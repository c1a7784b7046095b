import { backoffMs, sleep } from '../runtime/retry.ts'
import { LateError, within } from '../runtime/within.ts'
import type { EventStore, Outcome, StoreItem } from '../storage/storage.ts'
import type { Producer, RecordBatch, TopicPartition, TopicPartitionOffset } from '../transport/transport.ts'
import { type BulkResult, initialBulkSize, maxBulkBytes, nextBulkSize } from './bulk-size.ts'
import { OffsetTracker } from './offset-tracker.ts'
import { deadLetter, readRecord } from './read-record.ts'
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
/** Longer than any storage's own limits. A write that is not over then is left behind, and the same is written anew. */
const writeLimitMs = 180_000
/** So often halved, 4,000 events are 500. */
const sizeFailures = 3

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
  #bulk = initialBulkSize

  constructor(deps: PipelineDeps) {
    this.#deps = deps
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
      const works = this.#queue.next({ documents: this.#bulk.documents, bytes: maxBulkBytes })
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
    await this.#storeAll(pending, refused, signal)
    await this.#bury(refused, signal)
  }

  /**
   * Until each is stored or refused. After a write without an answer half as many are tried, since a proxy that cuts off
   * large bodies does so for ever; then more again.
   */
  async #storeAll(all: readonly Pending[], refused: Refused[], signal: AbortSignal): Promise<void> {
    let pending = all
    let [most, limitMs, failures] = [all.length, writeLimitMs, 0]
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt > 0) await sleep(backoffMs(backoff, attempt - 1, Math.random()), signal)
      const now = pending.slice(0, most)
      const startedMs = performance.now()
      const written = await this.#store(now, limitMs, signal)
      if (written instanceof Error) {
        failures++
        most = Math.ceil(now.length / 2)
        // Ever longer: each that is left behind may hold its memory.
        if (written instanceof LateError) limitMs *= 2
        continue
      }
      const again = this.#sort(now, written, refused)
      const tookMs = performance.now() - startedMs
      this.#learn({ documents: now.length, tookMs, wasPushedBack: again.length > 0 }, failures)
      if (failures > 0) this.#deps.telemetry.back()
      failures = 0
      if (again.length === 0) attempt = -1
      most = now.length * 2
      pending = [...again, ...pending.slice(now.length)]
    }
  }

  /** Few failures may have been the size's fault, many are an outage, which says nothing about it. */
  #learn(result: BulkResult, failures: number): void {
    const isSmaller = failures > 0 && failures <= sizeFailures
    this.#bulk = nextBulkSize(isSmaller ? { documents: result.documents } : this.#bulk, result)
  }

  /** The outcomes, or why there are none. */
  async #store(pending: readonly Pending[], limitMs: number, signal: AbortSignal): Promise<readonly Outcome[] | Error> {
    const { store, telemetry } = this.#deps
    const items = pending.map(({ item }) => item)
    try {
      return await within(limitMs, signal, (inTime) => store.write(items, inTime))
    } catch (cause) {
      if (signal.aborted) throw cause
      if (cause instanceof LateError) telemetry.hung()
      else telemetry.away(cause)
      return cause instanceof Error ? cause : new Error(String(cause))
    }
  }

  /** Settles what is stored, adds to what is refused, and answers with what is to be tried again. */
  #sort(pending: readonly Pending[], outcomes: readonly Outcome[], refused: Refused[]): Pending[] {
    const again: Pending[] = []
    const retried = new Map<string, number>()
    let [fresh, duplicate] = [0, 0]
    for (const [index, one] of pending.entries()) {
      const outcome = outcomes[index]
      if (outcome?.kind === 'stored') {
        if (outcome.isDuplicate) duplicate++
        else fresh++
        settled(one.work)
      } else if (outcome?.kind === 'reject')
        refused.push({ work: one.work, reason: outcome.reason, error: outcome.error })
      else {
        again.push(one)
        const reason = outcome?.reason ?? 'no-outcome'
        retried.set(reason, (retried.get(reason) ?? 0) + 1)
      }
    }
    this.#deps.telemetry.stored(fresh, duplicate)
    for (const [reason, count] of retried) this.#deps.telemetry.retried(reason, count)
    if (fresh + duplicate > 0) this.#change()
    return again
  }

  /** A letter that DEADLETTER will not have is not let go of: the topic is an operator's to mend, and reading waits. */
  async #bury(refused: readonly Refused[], signal: AbortSignal): Promise<void> {
    let left = refused
    let isWhole = true
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt > 1) await sleep(backoffMs(backoff, attempt - 2, Math.random()), signal)
      left = await this.#send(left, isWhole, signal)
      isWhole = false
    }
  }

  /** Answers with those that were not taken; of a letter that is cut only the first part of its value goes. */
  async #send(refused: readonly Refused[], isWhole: boolean, signal: AbortSignal): Promise<readonly Refused[]> {
    const { producer, telemetry } = this.#deps
    const letters = refused.map(({ work, reason, error }) => deadLetter(work, reason, error, isWhole))
    const { rejected } = await producer.send(letters, signal)
    const again = new Map(rejected.map((one) => [one.index, one]))
    for (const [index, { work, reason, error }] of refused.entries()) {
      const rejection = again.get(index)
      if (rejection) telemetry.unburied(rejection.reason, rejection.error)
      else {
        telemetry.deadLettered(reason, error, work.record.headers['id'])
        settled(work)
      }
    }
    if (rejected.length < refused.length) this.#change()
    return refused.filter((_, index) => again.has(index))
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

function settled({ taken }: Work): void {
  taken.remaining--
  taken.writing--
}
