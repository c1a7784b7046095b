import type { TopicName } from '../event/topics.ts'
import type { Started } from '../runtime/shutdown.ts'

/** How events travel. Two kinds, `kafka` and `embedded`, one conformance suite (test/integration/transport). */

/** A record to send. Order is promised per `key` within one topic. */
export interface OutRecord {
  readonly topic: TopicName
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** The event's own time, ms since the epoch; in Kafka one more than an hour old travels under the time of sending. */
  readonly timestampMs: number
}

/**
 * Many records of one topic and key in one piece, for sources at speed: no object a record. In `bytes` each record's value
 * stands before its id, one record behind the other.
 */
export interface PackedRecords {
  readonly topic: TopicName
  readonly key: string
  /** What all have in common; each has a header `id` of its own besides. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  /** Where the first value begins. */
  readonly start: number
  /** Two numbers a record: where its value ends, and where its id does. */
  readonly bounds: Uint32Array
  /** Kafka's record times, ms since the epoch, whole numbers. */
  readonly timesMs: Float64Array
}

/** Why the transport will never take a record: bounded, also the metric label. */
export type RejectReason = 'too-large' | 'unknown-topic' | 'not-authorized'

export interface SendResult {
  /** By index into the records given; everything else is durable. */
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly reason: RejectReason; readonly error: string }>
  /** How many went in fewer bytes than they had, as `shorten` made them. */
  readonly shortened?: number
}

export interface ProducerOptions {
  /**
   * What to send in place of a value that the broker finds too large, asked again until it fits; undefined where nothing
   * is left to take away, and then the record is rejected. Without it such a record is rejected at once.
   */
  readonly shorten?: (value: Uint8Array) => Uint8Array | undefined
  /**
   * A topic that is not there, or may not be written, is waited for as an outage is: its records stay in their places, and
   * other topics go on. Without it they are rejected.
   */
  readonly waitsForTopics?: boolean
}

export interface Producer {
  /**
   * Resolves once every record is durable (acks=all, or fsync) or rejected for good. An unavailable transport is retried
   * for ever with backoff, keeping order per key over calls made one after another; rejects only with the signal's reason.
   * The caller bounds memory by what it has in flight.
   */
  send(records: readonly OutRecord[], signal: AbortSignal): Promise<SendResult>
  /**
   * The same for records in one piece, where the transport has a shorter way for them. They are counted through for
   * `rejected`. Their memory may be written over once it has resolved, not if it rejected.
   */
  sendPacked?(packs: readonly PackedRecords[], signal: AbortSignal): Promise<SendResult>
}

/** As every transport's own is. */
export interface ConnectedProducer extends Producer {
  isConnected(): boolean
  /** Why it is not connected, in one short line without secrets; undefined while it is. */
  problem(): string | undefined
}

export interface TopicPartition {
  readonly topic: TopicName
  readonly partition: number
}

/** `offset` is the next one to read, as in Kafka's commits. */
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number
}

export interface InRecord {
  readonly offset: number
  /** ms since the epoch. */
  readonly timestampMs: number
  readonly key: string
  readonly value: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export interface RecordBatch extends TopicPartition {
  /** In offset order, never empty. */
  readonly records: readonly InRecord[]
  /** The next offset to be written when this was read: lag = highWatermark - last offset - 1. */
  readonly highWatermark: number
}

/** Offsets that the log no longer holds (or never did): told, never skipped in silence. */
export interface Gap extends TopicPartition {
  readonly from: number
  /** Exclusive: where reading goes on. */
  readonly to: number
  readonly reason: 'retention' | 'truncated'
}

export interface ConsumerHandlers {
  /**
   * Before the first record of newly assigned partitions. A returned offset overrides the committed one
   * (the alerter keeps its own); partitions not named start at the group's offset, else at `startAt`.
   */
  assigned?(partitions: readonly TopicPartition[]): Promise<readonly TopicPartitionOffset[]>
  /** After this resolves the partitions may belong to somebody else: commit before, drop their state. */
  revoked?(partitions: readonly TopicPartition[]): Promise<void>
  /**
   * Asked, where it is cheaper to keep what was read as it lies, before a batch is made of it; the batch follows at once.
   * `firstMs` is the time of its first record. Resolves too when the signal aborts: the partition was taken away.
   */
  room?(signal: AbortSignal, firstMs: number): Promise<void>
  /** Called one at a time per partition; until it resolves no further batch of that partition comes: this is the backpressure. */
  records(batch: RecordBatch): Promise<void>
  gap?(gap: Gap): Promise<void>
  /** A partition was read to its end at `atMs` (wall clock): drives watermarks of idle partitions. */
  caughtUp?(partition: TopicPartition, atMs: number): void
}

export interface ConsumerOptions {
  /** Logical role: the group is `<transport.kafka.group>-<role>`. */
  readonly role: string
  readonly topics: readonly TopicName[]
  readonly startAt: 'beginning' | 'latest'
}

export interface PartitionLag extends TopicPartition {
  readonly records: number
}

export interface Consumer {
  /** Durable once resolved. Offsets never go back; partitions no longer owned are ignored. */
  commit(offsets: readonly TopicPartitionOffset[]): Promise<void>
  lag(): readonly PartitionLag[]
  isConnected(): boolean
  /** Why it is not connected, in one short line without secrets; undefined while it is. */
  problem(): string | undefined
}

export interface Transport {
  readonly kind: 'kafka' | 'embedded'
  /** Resolves at once: connecting, and reconnecting, go on behind; `isConnected` tells. */
  createProducer(options?: ProducerOptions): Promise<Started<ConnectedProducer>>
  createConsumer(options: ConsumerOptions, handlers: ConsumerHandlers): Promise<Started<Consumer>>
  /** Creates missing topics where the config allows it; idempotent. */
  ensureTopics(signal: AbortSignal): Promise<void>
}
