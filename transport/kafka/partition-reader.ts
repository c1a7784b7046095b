import type { Logger } from '../../runtime/log.ts'
import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { ConsumerHandlers, InRecord, TopicPartition } from '../transport.ts'
import { decodeBatch, splitBatches, type WireBatch } from './record-batch.ts'

export interface ReaderDeps {
  readonly at: TopicPartition
  readonly wireTopic: string
  readonly handlers: ConsumerHandlers
  readonly log: Logger
  /** Called when there is room for more. */
  readonly onRoom: () => void
  /** The handler of an earlier assignment of this partition: no batch before it has ended. */
  readonly after: Promise<void> | undefined
}

/** What waits for a slow handler, as it was on the wire; one fetch may go beyond it once. */
const maxQueuedBytes = 2 ** 18
/** Small batches are handed on together. */
const maxDelivered = 500
const damagesUntilGap = 5
const backoff = { baseMs: 200, maxMs: 10_000 }

/** One assigned partition: what was fetched waits here, compressed, and is handed on one batch at a time. */
export class PartitionReader {
  readonly at: TopicPartition
  readonly wireTopic: string
  readonly #deps: ReaderDeps
  readonly #queue: WireBatch[] = []
  readonly #ending = new AbortController()
  #queuedBytes = 0
  #running: Promise<void> | undefined
  /** The next offset to fetch, the next to hand on, and the greatest the group knows as done. */
  position: number
  delivered: number
  committed: number | undefined
  highWatermark: number
  #damages = 0
  #endReadAtMs: number | undefined
  failures = 0
  notBeforeMs = 0
  /** When a fetch of it was last answered. */
  heardAtMs = Date.now()

  constructor(deps: ReaderDeps, position: number, committed: number | undefined) {
    this.#deps = deps
    this.at = deps.at
    this.wireTopic = deps.wireTopic
    this.position = position
    this.delivered = position
    this.highWatermark = position
    this.committed = committed
  }

  get hasRoom(): boolean {
    return this.#queuedBytes < maxQueuedBytes
  }

  get lag(): number {
    return Math.max(0, this.highWatermark - this.delivered)
  }

  /** Ends when the handler that runs has returned. */
  get ended(): Promise<void> | undefined {
    return this.#running
  }

  /** The answer to a fetch that was asked at `askedAtMs`. */
  take(records: Buffer, highWatermark: number, askedAtMs: number): void {
    this.failures = 0
    this.heardAtMs = Date.now()
    this.highWatermark = highWatermark
    for (const batch of splitBatches(records)) {
      if (batch.lastOffset < this.position) continue
      this.#queue.push(batch)
      this.#queuedBytes += batch.bytes.length
      this.position = batch.lastOffset + 1
    }
    if (this.position >= highWatermark) this.#endReadAtMs = askedAtMs
    this.#wake()
  }

  /** The log's end was asked for, not read. */
  knowEnd(offset: number): void {
    this.highWatermark = Math.max(this.highWatermark, offset)
  }

  /** Reading goes on elsewhere: what the log lost, or another's offset. */
  moveTo(offset: number): void {
    this.position = offset
    this.delivered = offset
    this.committed = undefined
  }

  fail(): void {
    this.notBeforeMs = Date.now() + backoffMs(backoff, this.failures, Math.random())
    this.failures++
  }

  /** Nothing is handed on any more. */
  end(): void {
    this.#ending.abort(new Error('the partition was taken away'))
    this.#queue.length = 0
    this.#queuedBytes = 0
  }

  #wake(): void {
    this.#running ??= this.#run()
      .catch((err: unknown) => this.#deps.log.error({ err, ...this.at }, 'a handler failed'))
      .finally(() => {
        this.#running = undefined
        if (this.#queue.length > 0) this.#wake()
      })
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    await this.#deps.after
    while (!signal.aborted && this.#queue.length > 0) {
      await this.#deps.handlers.room?.(signal, this.#queue[0]?.baseMs ?? 0)
      if (!signal.aborted) await this.#deliver(this.#nextBatches())
    }
    if (signal.aborted || this.#endReadAtMs === undefined || this.delivered < this.position) return
    this.#deps.handlers.caughtUp?.(this.at, this.#endReadAtMs)
    this.#endReadAtMs = undefined
  }

  #nextBatches(): WireBatch[] {
    const batches: WireBatch[] = []
    let records = 0
    for (const batch of this.#queue) {
      records += batch.lastOffset - batch.baseOffset + 1
      if (batches.length > 0 && records > maxDelivered) break
      batches.push(batch)
    }
    this.#queue.splice(0, batches.length)
    for (const { bytes } of batches) this.#queuedBytes -= bytes.length
    if (this.hasRoom) this.#deps.onRoom()
    return batches
  }

  async #deliver(batches: readonly WireBatch[]): Promise<void> {
    const records: InRecord[] = []
    for (const batch of batches) {
      try {
        for (const record of decodeBatch(batch, this.delivered)) records.push(record)
      } catch (err) {
        await this.#offer(records, batch.baseOffset)
        await this.#damaged(batch, err)
        return
      }
    }
    await this.#offer(records, (batches.at(-1)?.lastOffset ?? this.delivered) + 1)
  }

  /** Until it is taken: skipping is not ours to decide. */
  async #offer(records: readonly InRecord[], next: number): Promise<void> {
    const { handlers, log } = this.#deps
    const { topic, partition } = this.at
    const { signal } = this.#ending
    for (let attempt = 0; records.length > 0 && !signal.aborted; attempt++) {
      try {
        await handlers.records({ topic, partition, records, highWatermark: this.highWatermark })
        break
      } catch (err) {
        log.error({ err, topic, partition, offset: records[0]?.offset }, 'a batch was not taken, offering it again')
        await sleep(backoffMs(backoff, attempt, Math.random()), signal).catch(() => {})
      }
    }
    if (!signal.aborted) this.delivered = Math.max(this.delivered, next)
  }

  /** Fetched anew some times, for the wire may be to blame; then it is told as a gap, for nothing else will ever come. */
  async #damaged({ lastOffset }: WireBatch, err: unknown): Promise<void> {
    const { handlers, log } = this.#deps
    if (this.#ending.signal.aborted) return
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#damages++
    log.error({ err, ...this.at, from: this.delivered, to: lastOffset + 1 }, 'a record batch is damaged')
    if (this.#damages >= damagesUntilGap) {
      await handlers.gap?.({ ...this.at, from: this.delivered, to: lastOffset + 1, reason: 'truncated' })
      this.#damages = 0
      this.delivered = lastOffset + 1
    }
    this.position = this.delivered
    this.fail()
    this.#deps.onRoom()
  }
}
