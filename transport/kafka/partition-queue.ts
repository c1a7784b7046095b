import type { RejectReason, SendResult } from '../transport.ts'
import type { Compression } from './codecs.ts'
import { encodeBatch, type PlainRecord, recordBytes } from './record-batch.ts'

/** One `send`, resolved when each of its records is durable or rejected. */
export class SendCall {
  readonly result = Promise.withResolvers<SendResult>()
  readonly #rejected: Array<SendResult['rejected'][number]> = []
  #left: number
  /** Its records need not be sent any more, for nobody waits. */
  isOver = false

  constructor(count: number) {
    this.#left = count
  }

  settle(): void {
    this.#left--
    if (this.#left > 0 || this.isOver) return
    this.isOver = true
    this.result.resolve({ rejected: this.#rejected.toSorted((a, b) => a.index - b.index) })
  }

  reject(index: number, reason: RejectReason, error: string): void {
    this.#rejected.push({ index, reason, error })
    this.settle()
  }

  fail(reason: unknown): void {
    this.isOver = true
    this.result.reject(reason as Error)
  }
}

interface Waiting {
  readonly record: PlainRecord
  readonly call: SendCall
  /** The record's place in its call. */
  readonly index: number
}

export interface BatchLimits {
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
    return this.#batch !== undefined || this.#waiting.length >= this.#maxRecords
  }

  add(record: PlainRecord, call: SendCall, index: number): void {
    this.#waiting.push({ record, call, index })
  }

  /** The batch to send now; undefined where nobody waits for anything any more. */
  next(identity: ProducerIdentity | undefined): Buffer | undefined {
    this.#batch ??= this.#make(identity)
    return this.#batch?.bytes
  }

  succeed(): void {
    const { waiting } = this.#take()
    this.#sequence += waiting.length
    this.#maxRecords = this.#limits.maxRecords
    for (const { call } of waiting) call.settle()
  }

  /** The broker will not have the batch for its size: smaller ones instead, and a single record is rejected. */
  tooLarge(error: string): void {
    const { waiting } = this.#take()
    if (waiting.length === 1) for (const { call, index } of waiting) call.reject(index, 'too-large', error)
    else {
      this.#maxRecords = Math.ceil(waiting.length / 2)
      this.#waiting.unshift(...waiting)
    }
  }

  /** Everything that waits is rejected, for the topic will not have it. */
  rejectAll(reason: RejectReason, error: string): void {
    const waiting = [...(this.#batch?.waiting ?? []), ...this.#waiting.splice(0)]
    this.#batch = undefined
    for (const { call, index } of waiting) call.reject(index, reason, error)
  }

  /** Encodes the batch anew, with other times or under another identity: for when the broker refused it as it was. */
  redo(change?: (record: PlainRecord) => PlainRecord): void {
    const { waiting } = this.#take()
    this.#waiting.unshift(...waiting.map((one) => (change ? { ...one, record: change(one.record) } : one)))
  }

  failAll(reason: unknown): void {
    for (const { call } of [...(this.#batch?.waiting ?? []), ...this.#waiting.splice(0)])
      if (!call.isOver) call.fail(reason)
    this.#batch = undefined
  }

  #take(): Batch {
    const batch = this.#batch
    if (!batch) throw new Error('no batch is under way')
    this.#batch = undefined
    return batch
  }

  #make(identity: ProducerIdentity | undefined): Batch | undefined {
    const waiting: Waiting[] = []
    let bytes = 0
    let seen = 0
    for (const one of this.#waiting) {
      if (!one.call.isOver) {
        const size = recordBytes(one.record)
        if (waiting.length > 0 && (waiting.length >= this.#maxRecords || bytes + size > this.#limits.maxBytes)) break
        waiting.push(one)
        bytes += size
      }
      seen++
    }
    this.#waiting.splice(0, seen)
    if (waiting.length === 0) return undefined
    if (identity?.id !== this.#identity?.id || identity?.epoch !== this.#identity?.epoch) this.#sequence = 0
    this.#identity = identity
    const stamp = identity ? { ...identity, sequence: this.#sequence } : { id: -1n, epoch: -1, sequence: -1 }
    const records = waiting.map(({ record }) => record)
    return { waiting, bytes: encodeBatch(records, this.#limits.compression, stamp) }
  }
}
