import { RejectedError } from '../../runtime/errors.ts'
import { backoffMs, retryForever, sleep } from '../../runtime/retry.ts'
import type { ProducerOptions, RejectReason } from '../transport.ts'
import type { KafkaClient } from './client.ts'
import type { KafkaParts } from './kafka-parts.ts'
import type { Metadata } from './metadata.ts'
import type { Outage } from './outage.ts'
import { PartitionQueue } from './partition-queue.ts'
import { createMissing } from './topics.ts'

export interface TopicQueuesDeps {
  readonly parts: Pick<KafkaParts, 'options' | 'log'>
  readonly options: ProducerOptions
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly outage: Outage
}

export type Refusal = readonly [reason: RejectReason, error: string]

/** More than fit a batch by their bytes, unless they are tiny. */
const maxRecords = 10_000
const backoff = { baseMs: 200, maxMs: 10_000 }
/** A topic that the cluster does not know for so long, and that may not be created, is unknown for good. */
const unknownForMs = 3000

/** A producer's topics, by their names on the wire: one queue a partition. */
export class TopicQueues {
  readonly #deps: TopicQueuesDeps
  readonly #queues = new Map<string, PartitionQueue[]>()

  constructor(deps: TopicQueuesDeps) {
    this.#deps = deps
  }

  of(name: string): readonly PartitionQueue[] {
    return this.#queues.get(name) ?? []
  }

  /**
   * Makes the topic's queues where they are not there yet or what is known has grown old; answers with the reason where
   * there is no such topic to send to, unless topics are waited for: then it is an outage until there is.
   */
  async open(name: string, signal: AbortSignal): Promise<Refusal | undefined> {
    const { client, metadata, options, outage } = this.#deps
    if (this.#queues.has(name) && Date.now() - metadata.refreshedAtMs < client.times.metadataMaxAgeMs) return undefined
    for (let attempt = 0; ; attempt++) {
      const refusal = await this.#find(name, signal)
      if (!refusal) outage.worked(name)
      if (!refusal || !options.waitsForTopics) return refusal
      outage.failed(name, new Error(refusal[1]))
      try {
        await sleep(backoffMs(backoff, attempt, Math.random()), signal)
      } catch (cause) {
        // Nobody waits for it any more: who sends again will tell again.
        outage.worked(name)
        throw cause
      }
    }
  }

  /** A broker does not know the topic any more: it is made anew where that is allowed, else its records are rejected or wait. */
  async missing(queue: PartitionQueue, signal: AbortSignal): Promise<void> {
    if (this.#deps.options.waitsForTopics) return await createMissing(this.#topicsDeps, [queue.topic])
    const refusal = await this.#find(queue.topic, signal)
    if (refusal) queue.rejectAll(...refusal)
  }

  get #topicsDeps() {
    const { parts, client, metadata } = this.#deps
    return { client, metadata, createTopics: parts.options.createTopics, log: parts.log }
  }

  async #find(name: string, signal: AbortSignal): Promise<Refusal | undefined> {
    const { metadata, outage } = this.#deps
    const sinceMs = Date.now()
    for (;;) {
      try {
        await retryForever(() => createMissing(this.#topicsDeps, [name]), backoff, signal, {
          onFailure: (cause) => outage.failed('metadata', cause),
          onRecovered: () => outage.worked('metadata'),
          isFatal: (cause) => cause instanceof RejectedError,
        })
      } catch (cause) {
        if (cause instanceof RejectedError) return ['unknown-topic', cause.message]
        throw cause
      }
      const view = metadata.topic(name)
      if (view && view.error === undefined && view.leaders.length > 0) {
        this.#grow(name, view.leaders.length)
        return undefined
      }
      const error = view?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
      if (error === 'TOPIC_AUTHORIZATION_FAILED') return ['not-authorized', `${name}: ${error}`]
      const isHopeless = this.#topicsDeps.createTopics === false && Date.now() - sinceMs >= unknownForMs
      if (error === 'INVALID_TOPIC_EXCEPTION' || isHopeless) return ['unknown-topic', `${name}: ${error}`]
      await sleep(250, signal)
    }
  }

  /** Partitions are only ever added; keys then move, as with every Kafka client. */
  #grow(name: string, count: number): void {
    const { compression, maxBatchBytes: maxBytes } = this.#deps.parts.options
    const known = this.of(name)
    const limits = { ...this.#deps.options, maxRecords, maxBytes, compression }
    const added = Array.from({ length: Math.max(0, count - known.length) }, (_, index) => known.length + index)
    this.#queues.set(name, [...known, ...added.map((partition) => new PartitionQueue(name, partition, limits))])
  }
}
