import { UnavailableError } from '../../runtime/errors.ts'
import { retryForever, sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { TopicName } from '../../event/topics.ts'
import type { ConnectedProducer, OutRecord, PackedRecords, ProducerOptions, SendResult } from '../transport.ts'
import { errorName } from './kafkajs.ts'
import type { KafkaParts } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { Outage } from './outage.ts'
import { type PackedRun, packedRun } from './packed-run.ts'
import { type PartitionQueue, type ProducerIdentity, SendCall } from './partition-queue.ts'
import { partitionOf } from './partitioner.ts'
import type { PlainRecord } from './record-batch.ts'
import { Sender } from './sender.ts'
import { type Refusal, TopicQueues } from './topic-queues.ts'

const backoff = { baseMs: 200, maxMs: 10_000 }
const drainMs = 5000
/** Brokers measure what is compressed; readers must hold what is not. */
const maxRecordBytes = 16 * 2 ** 20

/** Sends in batches a partition, in order, until durable. */
export function startProducer(parts: KafkaParts, options: ProducerOptions = {}): Started<ConnectedProducer> {
  const producer = new KafkaProducer(parts, options)
  return { value: producer, stop: () => producer.stop() }
}

class KafkaProducer implements ConnectedProducer {
  readonly #parts: KafkaParts
  readonly #client
  readonly #metadata
  readonly #outage
  readonly #sender
  readonly #queues: TopicQueues
  readonly #stopping = new AbortController()
  readonly #calls = new Set<SendCall>()
  #identity: Promise<ProducerIdentity | undefined> | undefined
  /** Of each topic, for one that is waited for holds up no other. */
  readonly #turns = new Map<TopicName, Promise<void>>()
  #stopped: Promise<void> | undefined

  constructor(parts: KafkaParts, options: ProducerOptions) {
    this.#parts = parts
    this.#client = parts.connect()
    this.#metadata = new Metadata(this.#client)
    this.#outage = new Outage(parts.outages)
    const [client, metadata, outage] = [this.#client, this.#metadata, this.#outage]
    this.#queues = new TopicQueues({ parts, options, client, metadata, outage })
    this.#sender = new Sender({
      client,
      metadata,
      outage,
      lingerMs: parts.options.linger,
      identity: () => (this.#identity ??= this.#identify()),
      forgetIdentity: () => (this.#identity = undefined),
      topicMissing: (queue) => this.#queues.missing(queue, this.#stopping.signal),
      waitsForTopics: options.waitsForTopics === true,
    })
    this.#refresh(this.#stopping.signal).catch(() => {})
  }

  isConnected(): boolean {
    return this.problem() === undefined
  }

  problem(): string | undefined {
    return this.#outage.reason ?? (this.#client.isConnected() ? undefined : 'no broker has answered yet')
  }

  send(records: readonly OutRecord[], signal: AbortSignal): Promise<SendResult> {
    return this.#call(records, records.length, (...args) => this.#enqueue(records, ...args), signal)
  }

  sendPacked(packs: readonly PackedRecords[], signal: AbortSignal): Promise<SendResult> {
    const count = packs.reduce((sum, { timesMs }) => sum + timesMs.length, 0)
    return this.#call(packs, count, (...args) => this.#enqueuePacked(packs, ...args), signal)
  }

  async #call(
    named: ReadonlyArray<{ readonly topic: TopicName }>,
    count: number,
    enqueue: (topic: TopicName, found: Found, call: SendCall) => void,
    signal: AbortSignal,
  ): Promise<SendResult> {
    signal.throwIfAborted()
    if (count === 0) return { rejected: [] }
    const call = new SendCall(count)
    const abort = () => call.fail(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#calls.add(call)
    const either = AbortSignal.any([signal, this.#stopping.signal])
    const take = async (topic: TopicName) => {
      if (call.isOver) return
      const found = await this.#find(topic, either)
      enqueue(topic, found, call)
      for (const queue of found.queues) if (!queue.isEmpty) this.#sender.touch(queue)
    }
    // Calls take their places in a topic's queues in the order in which they were made.
    for (const topic of new Set(named.map((one) => one.topic))) {
      const turn = this.#turns.get(topic) ?? Promise.resolve()
      this.#turns.set(
        topic,
        turn.then(() => take(topic)).catch((cause: unknown) => call.fail(cause)),
      )
    }
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

  async #find(topic: TopicName, signal: AbortSignal): Promise<Found> {
    const name = this.#parts.options.topics[topic]
    const refusal = await this.#queues.open(name, signal)
    return { queues: refusal ? [] : this.#queues.of(name), refusal: refusal ?? ['unknown-topic', name] }
  }

  #enqueue(records: readonly OutRecord[], topic: TopicName, { queues, refusal }: Found, call: SendCall): void {
    const nowMs = Date.now()
    for (const [index, record] of records.entries()) {
      if (record.topic !== topic) continue
      if (queues.length === 0) call.reject(index, ...refusal)
      else if (record.value.length > maxRecordBytes)
        call.reject(index, 'too-large', `${record.value.length} bytes; no record may have more than ${maxRecordBytes}`)
      else {
        const plain = plainRecord(record, nowMs)
        queues[partitionOf(plain.key, queues.length)]?.add(plain, call, index)
      }
    }
  }

  #enqueuePacked(packs: readonly PackedRecords[], topic: TopicName, { queues, refusal }: Found, call: SendCall): void {
    const nowMs = Date.now()
    let index = 0
    for (const pack of packs) {
      const count = pack.timesMs.length
      if (pack.topic === topic) {
        const key = Buffer.from(pack.key)
        if (queues.length > 0) queues[partitionOf(key, queues.length)]?.add(runOf(pack, key, nowMs), call, index)
        else for (let record = 0; record < count; record++) call.reject(index + record, ...refusal)
      }
      index += count
    }
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
    return retryForever(() => this.#metadata.refresh(), backoff, signal, {
      onFailure: (cause) => this.#outage.failed('metadata', cause),
      onRecovered: () => this.#outage.worked('metadata'),
    })
  }
}

/** The queues of a topic; none where there is no such topic to send to, for that reason. */
interface Found {
  readonly queues: readonly PartitionQueue[]
  readonly refusal: Refusal
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
