import type { ProducerOptions, RejectReason, SendResult } from '../transport.ts'
import { giveBack } from './batch-memory.ts'
import type { Compression } from './codecs.ts'
import { fitting, type PackedRun } from './packed-run.ts'
import { type BatchItem, countOf, encodeBatch, itemBytes } from './record-batch.ts'
import { shortenItem } from './shorten-item.ts'

/** One `send`, resolved when each of its records is durable or rejected. */
export class SendCall {
  readonly result = Promise.withResolvers<SendResult>()
  readonly #rejected: Array<SendResult['rejected'][number]> = []
  readonly #shortened = new Set<number>()
  #left: number
  /** Its records need not be sent any more, for nobody waits. */
  isOver = false

  constructor(count: number) {
    this.#left = count
  }

  settle(count = 1): void {
    this.#left -= count
    if (this.#left > 0 || this.isOver) return
    this.isOver = true
    const rejected = this.#rejected.toSorted((a, b) => a.index - b.index)
    this.result.resolve({ rejected, ...(this.#shortened.size > 0 && { shortened: this.#shortened.size }) })
  }

  reject(index: number, reason: RejectReason, error: string): void {
    this.#rejected.push({ index, reason, error })
    this.#shortened.delete(index)
    this.settle()
  }

  shorten(index: number): void {
    this.#shortened.add(index)
  }

  fail(reason: unknown): void {
    this.isOver = true
    this.result.reject(reason as Error)
  }
}

interface Waiting {
  readonly item: BatchItem
  readonly call: SendCall
  /** The (first) record's place in its call. */
  readonly index: number
}

export interface BatchLimits extends ProducerOptions {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly compression: Compression
}

/** Who the producer is to the brokers; they drop what they have already. Absent where they do not offer it. */
export interface ProducerIdentity {
  readonly id: bigint
  readonly epoch: number
}

interface Batch {
  readonly waiting: readonly Waiting[]
  /** How many records those are. */
  readonly count: number
  readonly bytes: Buffer
}

/**
 * What waits for one partition, in order. At most one batch is under way; one that failed is sent again as it was, before
 * anything behind it, so that order holds and the broker recognises what it has already.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly #limits: BatchLimits
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #waitingCount = 0
  #batch: Batch | undefined
  #maxRecords: number
  #identity: ProducerIdentity | undefined
  #sequence = 0
  isUnderWay = false
  failures = 0
  /** Not to be sent before: the backoff. */
  notBeforeMs = 0

  constructor(topic: string, partition: number, limits: BatchLimits) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
    this.#maxRecords = limits.maxRecords
  }

  get isEmpty(): boolean {
    return this.#batch === undefined && this.#waiting.length === 0
  }

  /** No use to linger: a whole batch waits, or one that failed. */
  get isFull(): boolean {
    const isWhole = this.#waitingCount >= this.#maxRecords || this.#waitingBytes >= this.#limits.maxBytes
    return this.#batch !== undefined || isWhole
  }

  add(item: BatchItem, call: SendCall, index: number): void {
    this.#waiting.push({ item, call, index })
    this.#waitingBytes += itemBytes(item)
    this.#waitingCount += countOf(item)
  }

  /** The batch to send now; undefined where nobody waits for anything any more. */
  next(identity: ProducerIdentity | undefined): Buffer | undefined {
    this.#batch ??= this.#make(identity)
    return this.#batch?.bytes
  }

  succeed(): void {
    const { waiting, count } = this.#take()
    this.#sequence += count
    this.#maxRecords = this.#limits.maxRecords
    for (const { call, item } of waiting) call.settle(countOf(item))
  }

  /** The broker will not have the batch for its size: smaller ones instead; a single record is shortened, or rejected. */
  tooLarge(error: string): void {
    const { waiting, count } = this.#take()
    if (count === 1) for (const one of waiting) this.#shorten(one, error)
    else {
      this.#maxRecords = Math.ceil(count / 2)
      this.#putBack(waiting)
    }
  }

  /** In its own place: what comes behind it waits for it. */
  #shorten({ item, call, index }: Waiting, error: string): void {
    const shorter = this.#limits.shorten && shortenItem(item, this.#limits.shorten)
    if (!shorter) return call.reject(index, 'too-large', error)
    call.shorten(index)
    this.#putBack([{ item: shorter, call, index }])
  }

  /** Everything that waits is rejected, for the topic will not have it. */
  rejectAll(reason: RejectReason, error: string): void {
    for (const { call, index, item } of this.#drop())
      for (let record = 0; record < countOf(item); record++) call.reject(index + record, reason, error)
  }

  /** Encodes the batch anew, at another time (ms) or under another identity: for when the broker refused it as it was. */
  redo(timestampMs?: number): void {
    const { waiting } = this.#take()
    const again = (one: Waiting) => ({ ...one, item: { ...one.item, timestampMs: timestampMs ?? 0 } })
    this.#putBack(timestampMs === undefined ? waiting : waiting.map(again))
  }

  failAll(reason: unknown): void {
    for (const { call } of this.#drop()) if (!call.isOver) call.fail(reason)
  }

  #drop(): Waiting[] {
    const waiting = [...(this.#batch?.waiting ?? []), ...this.#waiting.splice(0)]
    this.#batch = undefined
    this.#waitingBytes = 0
    this.#waitingCount = 0
    return waiting
  }

  #putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting)
    for (const { item } of waiting) {
      this.#waitingBytes += itemBytes(item)
      this.#waitingCount += countOf(item)
    }
  }

  /** The broker has answered: nothing reads the batch's bytes any more. */
  #take(): Batch {
    const batch = this.#batch
    if (!batch) throw new Error('no batch is under way')
    this.#batch = undefined
    giveBack(batch.bytes)
    return batch
  }

  #make(identity: ProducerIdentity | undefined): Batch | undefined {
    const waiting = this.#next()
    if (waiting.length === 0) return undefined
    if (identity?.id !== this.#identity?.id || identity?.epoch !== this.#identity?.epoch) this.#sequence = 0
    this.#identity = identity
    const stamp = identity ? { ...identity, sequence: this.#sequence } : { id: -1n, epoch: -1, sequence: -1 }
    const items = waiting.map(({ item }) => item)
    const count = items.reduce((sum, item) => sum + countOf(item), 0)
    return { waiting, count, bytes: encodeBatch(items, this.#limits.compression, stamp) }
  }

  /** Takes a batch's worth off the queue; at least one record, however large. */
  #next(): Waiting[] {
    const taken: Waiting[] = []
    let [count, bytes, seen] = [0, 0, 0]
    for (const one of this.#waiting) {
      this.#waitingBytes -= itemBytes(one.item)
      this.#waitingCount -= countOf(one.item)
      if (!one.call.isOver) {
        const room = { records: this.#maxRecords - count, bytes: this.#limits.maxBytes - bytes }
        const [now, later] = shared(one, room, taken.length === 0)
        if (now) taken.push(now)
        if (later) {
          this.#waiting.splice(0, seen + 1)
          this.#putBack([later])
          return taken
        }
        if (now) {
          count += countOf(now.item)
          bytes += itemBytes(now.item)
        }
      }
      seen++
    }
    this.#waiting.splice(0, seen)
    return taken
  }
}

/** What of it has room in the batch, and what has not. */
function shared(
  one: Waiting,
  room: { readonly records: number; readonly bytes: number },
  isFirst: boolean,
): readonly [now: Waiting | undefined, later: Waiting | undefined] {
  const { item, call, index } = one
  if (!('pack' in item))
    return isFirst || (room.records > 0 && itemBytes(item) <= room.bytes) ? [one, undefined] : [undefined, one]
  const count = Math.max(isFirst ? 1 : 0, fitting(item, room.records, room.bytes))
  if (count === 0) return [undefined, one]
  if (count === countOf(item)) return [one, undefined]
  const middle = item.from + count
  const [before, after]: readonly PackedRun[] = [
    { ...item, to: middle },
    { ...item, from: middle },
  ]
  return [before && { item: before, call, index }, after && { item: after, call, index: index + count }]
}
