import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import { retryForever, sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { TopicName } from '../../event/topics.ts'
import type { OutRecord, PackedRecords, Producer, ProducerOptions, RejectReason, SendResult } from '../transport.ts'
import { errorName } from './kafkajs.ts'
import type { KafkaParts } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { Outage } from './outage.ts'
import { type PackedRun, packedRun } from './packed-run.ts'
import { PartitionQueue, type ProducerIdentity, SendCall } from './partition-queue.ts'
import { partitionOf } from './partitioner.ts'
import type { PlainRecord } from './record-batch.ts'
import { Sender } from './sender.ts'
import { createMissing } from './topics.ts'

/** More than fit a batch by their bytes, unless they are tiny. */
const maxRecords = 10_000
const backoff = { baseMs: 200, maxMs: 10_000 }
/** A topic that the cluster does not know for so long, and that may not be created, is unknown for good. */
const unknownForMs = 3000
const drainMs = 5000
/** Brokers measure what is compressed; readers must hold what is not. */
const maxRecordBytes = 16 * 2 ** 20

type Refusal = readonly [reason: RejectReason, error: string]

/** Sends in batches a partition, in order, until durable. */
export function startProducer(
  parts: KafkaParts,
  options: ProducerOptions = {},
): Started<Producer & { isConnected(): boolean }> {
  const producer = new KafkaProducer(parts, options)
  return { value: producer, stop: () => producer.stop() }
}

class KafkaProducer implements Producer {
  readonly #parts: KafkaParts
  readonly #options: ProducerOptions
  readonly #client
  readonly #metadata
  readonly #outage
  readonly #sender
  readonly #queues = new Map<string, PartitionQueue[]>()
  readonly #stopping = new AbortController()
  readonly #calls = new Set<SendCall>()
  #identity: Promise<ProducerIdentity | undefined> | undefined
  #turn: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | undefined

  constructor(parts: KafkaParts, options: ProducerOptions) {
    this.#parts = parts
    this.#options = options
    this.#client = parts.connect()
    this.#metadata = new Metadata(this.#client)
    this.#outage = new Outage(parts.outages)
    this.#sender = new Sender({
      client: this.#client,
      metadata: this.#metadata,
      outage: this.#outage,
      lingerMs: parts.options.linger,
      identity: () => (this.#identity ??= this.#identify()),
      forgetIdentity: () => (this.#identity = undefined),
      topicMissing: (queue) => this.#topicMissing(queue),
    })
    this.#refresh(this.#stopping.signal).catch(() => {})
  }

  isConnected(): boolean {
    return this.#client.isConnected() && !this.#outage.isOn
  }

  send(records: readonly OutRecord[], signal: AbortSignal): Promise<SendResult> {
    return this.#call(records.length, (call) => this.#enqueue(records, call, signal), signal)
  }

  sendPacked(packs: readonly PackedRecords[], signal: AbortSignal): Promise<SendResult> {
    const count = packs.reduce((sum, { timesMs }) => sum + timesMs.length, 0)
    return this.#call(count, (call) => this.#enqueuePacked(packs, call, signal), signal)
  }

  async #call(count: number, enqueue: (call: SendCall) => Promise<void>, signal: AbortSignal): Promise<SendResult> {
    signal.throwIfAborted()
    if (count === 0) return { rejected: [] }
    const call = new SendCall(count)
    const abort = () => call.fail(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#calls.add(call)
    // Calls take their places in the queues in the order in which they were made.
    this.#turn = this.#turn.then(() => enqueue(call)).catch((cause: unknown) => call.fail(cause))
    try {
      return await call.result.promise
    } finally {
      signal.removeEventListener('abort', abort)
      this.#calls.delete(call)
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async #drain(): Promise<void> {
    const limit = AbortSignal.timeout(drainMs)
    while (this.#calls.size > 0 && !limit.aborted) await sleep(20)
    this.#stopping.abort(new UnavailableError('kafka', new Error('the producer is closed')))
    this.#sender.close()
    this.#outage.end()
    this.#client.close()
    for (const call of this.#calls) if (!call.isOver) call.fail(this.#stopping.signal.reason)
  }

  async #enqueue(records: readonly OutRecord[], call: SendCall, signal: AbortSignal): Promise<void> {
    if (call.isOver) return
    const { queuesOf, touch } = await this.#opened(records, signal)
    const nowMs = Date.now()
    for (const [index, record] of records.entries()) {
      const queues = queuesOf(record.topic)
      if (!queues.isThere) call.reject(index, ...queues.refusal)
      else if (record.value.length > maxRecordBytes)
        call.reject(index, 'too-large', `${record.value.length} bytes; no record may have more than ${maxRecordBytes}`)
      else {
        const plain = plainRecord(record, nowMs)
        queues.of(plain.key)?.add(plain, call, index)
      }
    }
    touch()
  }

  async #enqueuePacked(packs: readonly PackedRecords[], call: SendCall, signal: AbortSignal): Promise<void> {
    if (call.isOver) return
    const { queuesOf, touch } = await this.#opened(packs, signal)
    const nowMs = Date.now()
    let index = 0
    for (const pack of packs) {
      const [queues, count] = [queuesOf(pack.topic), pack.timesMs.length]
      const key = Buffer.from(pack.key)
      if (queues.isThere) queues.of(key)?.add(runOf(pack, key, nowMs), call, index)
      else for (let record = 0; record < count; record++) call.reject(index + record, ...queues.refusal)
      index += count
    }
    touch()
  }

  /** The queues of the topics that are named, made where they are not there yet. */
  async #opened(named: ReadonlyArray<{ readonly topic: TopicName }>, signal: AbortSignal) {
    const either = AbortSignal.any([signal, this.#stopping.signal])
    const { metadataMaxAgeMs } = this.#client.times
    const names = new Set(named.map(({ topic }) => this.#parts.options.topics[topic]))
    const refusals = new Map<string, Refusal>()
    for (const name of names) {
      if (this.#queues.has(name) && Date.now() - this.#metadata.refreshedAtMs < metadataMaxAgeMs) continue
      const refusal = await this.#open(name, either)
      if (refusal) refusals.set(name, refusal)
    }
    const queuesOf = (topic: TopicName) => {
      const name = this.#parts.options.topics[topic]
      const [queues, refusal] = [this.#queues.get(name), refusals.get(name)]
      if (refusal || !queues) return { isThere: false, refusal: refusal ?? (['unknown-topic', name] as const) } as const
      return { isThere: true, of: (key: Buffer) => queues[partitionOf(key, queues.length)] } as const
    }
    const touch = () => {
      for (const name of names)
        for (const queue of this.#queues.get(name) ?? []) if (!queue.isEmpty) this.#sender.touch(queue)
    }
    return { queuesOf, touch }
  }

  /** Makes the topic's queues; answers with the reason where there is no such topic to send to. */
  async #open(name: string, signal: AbortSignal): Promise<Refusal | undefined> {
    const { createTopics } = this.#parts.options
    const deps = { client: this.#client, metadata: this.#metadata, createTopics, log: this.#parts.log }
    const sinceMs = Date.now()
    for (;;) {
      try {
        await this.#retry(() => createMissing(deps, [name]), signal)
      } catch (cause) {
        if (cause instanceof RejectedError) return ['unknown-topic', cause.message]
        throw cause
      }
      const view = this.#metadata.topic(name)
      if (view && view.error === undefined && view.leaders.length > 0) {
        this.#grow(name, view.leaders.length)
        return undefined
      }
      const error = view?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
      if (error === 'TOPIC_AUTHORIZATION_FAILED') return ['not-authorized', `${name}: ${error}`]
      const isHopeless = createTopics === false && Date.now() - sinceMs >= unknownForMs
      if (error === 'INVALID_TOPIC_EXCEPTION' || isHopeless) return ['unknown-topic', `${name}: ${error}`]
      await sleep(250, signal)
    }
  }

  /** Partitions are only ever added; keys then move, as with every Kafka client. */
  #grow(name: string, count: number): void {
    const { compression, maxBatchBytes: maxBytes } = this.#parts.options
    const known = this.#queues.get(name) ?? []
    const limits = { ...this.#options, maxRecords, maxBytes, compression }
    const added = Array.from({ length: Math.max(0, count - known.length) }, (_, index) => known.length + index)
    this.#queues.set(name, [...known, ...added.map((partition) => new PartitionQueue(name, partition, limits))])
  }

  async #topicMissing(queue: PartitionQueue): Promise<void> {
    const refusal = await this.#open(queue.topic, this.#stopping.signal)
    if (refusal) queue.rejectAll(...refusal)
  }

  async #identify(): Promise<ProducerIdentity | undefined> {
    const args = { transactionalId: null, transactionTimeout: 0 }
    try {
      const answer = await this.#client.ask<{ errorCode: number; producerId: string; producerEpoch: number }>(
        undefined,
        'InitProducerId',
        args,
      )
      if (answer.errorCode === 0) return { id: BigInt(answer.producerId), epoch: answer.producerEpoch }
      const error = errorName(answer.errorCode)
      if (!error.endsWith('AUTHORIZATION_FAILED')) throw new UnavailableError('kafka', new Error(error))
      this.#parts.log.warn({ error }, 'kafka does not let us send idempotently: a retry may double a record')
      return undefined
    } catch (cause) {
      this.#identity = undefined
      throw cause
    }
  }

  #refresh(signal: AbortSignal): Promise<void> {
    return this.#retry(() => this.#metadata.refresh(), signal)
  }

  #retry<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return retryForever(work, backoff, signal, {
      onFailure: (cause) => this.#outage.failed('metadata', cause),
      onRecovered: () => this.#outage.worked('metadata'),
      isFatal: (cause) => cause instanceof RejectedError,
    })
  }
}

/** Brokers remove what is older than the retention by this time: an event read late must not be gone before it is read. */
const oldMs = 3_600_000

function plainRecord({ key, value, headers, timestampMs }: OutRecord, nowMs: number): PlainRecord {
  return {
    key: Buffer.from(key),
    value,
    headers: Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
    timestampMs: timestampMs < nowMs - oldMs ? nowMs : Math.trunc(timestampMs),
  }
}

function runOf(pack: PackedRecords, key: Buffer, nowMs: number): PackedRun {
  const run = packedRun(pack, key)
  return pack.timesMs.some((timeMs) => timeMs < nowMs - oldMs) ? { ...run, timestampMs: nowMs } : run
}
