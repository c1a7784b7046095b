import { backoffMs } from '../../runtime/retry.ts'
import type { KafkaClient } from './client.ts'
import type { Metadata } from './metadata.ts'
import type { Outage } from './outage.ts'
import type { PartitionQueue, ProducerIdentity } from './partition-queue.ts'
import { type PartitionAnswer, type PartitionBatch, produceExchange } from './produce-request.ts'

export interface SenderDeps {
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly outage: Outage
  readonly lingerMs: number
  readonly identity: () => Promise<ProducerIdentity | undefined>
  /** The brokers do not know the identity any more: ask for another. */
  readonly forgetIdentity: () => void
  /** The topic is gone: the queue's records wait until it is there again, or are rejected. */
  readonly topicMissing: (queue: PartitionQueue) => Promise<void>
  /** A right that is missing is waited for, as an outage is. */
  readonly waitsForTopics: boolean
}

/** Brokers refuse requests of 100 MiB; far below it the partitions take turns. */
const maxRequestBytes = 16 * 2 ** 20
const backoff = { baseMs: 100, maxMs: 5000 }
/** Elections are short, and each wait is a question more. */
const leaderlessBackoff = { baseMs: 100, maxMs: 1000 }
/** So many failures of one partition alone are an outage worth telling. */
const tellAfter = 5

const notAuthorized = 'TOPIC_AUTHORIZATION_FAILED'
const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const identityLost = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])

const placeOf = ({ topic, partition }: PartitionQueue) => `${topic}-${partition}`

/** Carries the partitions' queues to their leaders: one request a leader at a time, one batch a partition in each. */
export class Sender {
  readonly #deps: SenderDeps
  readonly #queues = new Set<PartitionQueue>()
  readonly #busy = new Set<number>()
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Infinity
  #isRefreshing = false
  #refreshFailures = 0
  #isClosed = false

  constructor(deps: SenderDeps) {
    this.#deps = deps
  }

  /** Something was added to the queue. */
  touch(queue: PartitionQueue): void {
    this.#queues.add(queue)
    this.#wakeAt(Date.now() + (queue.isFull ? 0 : this.#deps.lingerMs))
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #wakeAt(atMs: number): void {
    if (this.#isClosed || atMs >= this.#timerAtMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, atMs - Date.now()))
  }

  #pump(): void {
    this.#timerAtMs = Infinity
    if (this.#isClosed) return
    const now = Date.now()
    const ready = new Map<number, PartitionQueue[]>()
    let hasLeaderless = false
    for (const queue of this.#queues) {
      if (queue.isUnderWay) continue
      if (queue.isEmpty) this.#letGo(queue)
      else if (queue.notBeforeMs > now) this.#wakeAt(queue.notBeforeMs)
      else {
        const leader = this.#deps.metadata.leader(queue.topic, queue.partition)
        if (leader === undefined) {
          hasLeaderless = true
          this.#backOff(queue, leaderlessBackoff)
          this.#wakeAt(queue.notBeforeMs)
          if (queue.failures >= tellAfter) this.#deps.outage.failed(placeOf(queue), new Error('no leader is known'))
        } else if (!this.#busy.has(leader)) ready.set(leader, [...(ready.get(leader) ?? []), queue])
      }
    }
    for (const [leader, queues] of ready) void this.#sendTo(leader, queues)
    if (hasLeaderless || (this.#queues.size === 0 && this.#deps.outage.isAt('metadata'))) void this.#refresh()
  }

  async #sendTo(leader: number, queues: readonly PartitionQueue[]): Promise<void> {
    const { client, outage } = this.#deps
    const { requestTimeoutMs } = client.times
    this.#busy.add(leader)
    for (const queue of queues) queue.isUnderWay = true
    try {
      const identity = await this.#deps.identity()
      const sent = this.#gather(queues, identity)
      if (sent.length === 0) return
      const answers = (await client.exchange(leader, (link) => produceExchange(link, sent, requestTimeoutMs), {
        // The brokers give up first, and say so.
        timeoutMs: requestTimeoutMs * 1.2,
      })) as readonly PartitionAnswer[]
      const errors = new Map(answers.map(({ topic, partition, error }) => [`${topic} ${partition}`, error]))
      for (const { queue } of sent) {
        const key = `${queue.topic} ${queue.partition}`
        await this.#judge(queue, errors.has(key) ? errors.get(key) : 'NO_ANSWER')
      }
    } catch (cause) {
      for (const queue of queues) {
        outage.failed(placeOf(queue), cause)
        this.#backOff(queue)
      }
      void this.#refresh()
    } finally {
      this.#busy.delete(leader)
      for (const queue of queues) queue.isUnderWay = false
      this.#wakeAt(Date.now())
    }
  }

  #letGo(queue: PartitionQueue): void {
    this.#queues.delete(queue)
    if (queue.failures === 0) return
    // Those who waited have given up: from here on only a question tells that Kafka is back.
    queue.failures = 0
    this.#deps.outage.failed('metadata', new Error('sending was given up'))
    this.#deps.outage.worked(placeOf(queue))
  }

  #gather(queues: readonly PartitionQueue[], identity: ProducerIdentity | undefined) {
    let total = 0
    const sent: Array<PartitionBatch & { readonly queue: PartitionQueue }> = []
    for (const queue of queues) {
      if (total >= maxRequestBytes) break
      const bytes = queue.next(identity)
      if (!bytes) continue
      total += bytes.length
      sent.push({ queue, topic: queue.topic, partition: queue.partition, bytes })
      // To the end of the line, for its next batch.
      this.#queues.delete(queue)
      this.#queues.add(queue)
    }
    return sent
  }

  async #judge(queue: PartitionQueue, error: string | undefined): Promise<void> {
    const place = placeOf(queue)
    if (error === undefined || error === 'DUPLICATE_SEQUENCE_NUMBER') {
      queue.failures = 0
      this.#deps.outage.worked(place)
      queue.succeed()
    } else if (tooLarge.has(error)) queue.tooLarge(error)
    else if (error === notAuthorized && !this.#deps.waitsForTopics) queue.rejectAll('not-authorized', error)
    else if (error === 'INVALID_TIMESTAMP') {
      this.#backOff(queue)
      queue.redo(Date.now())
    } else if (identityLost.has(error)) {
      this.#deps.forgetIdentity()
      queue.redo()
    } else {
      this.#backOff(queue)
      if (error === notAuthorized || queue.failures >= tellAfter) this.#deps.outage.failed(place, new Error(error))
      if (error === 'UNKNOWN_TOPIC_OR_PARTITION') await this.#deps.topicMissing(queue).catch(() => {})
      else void this.#refresh()
    }
  }

  #backOff(queue: PartitionQueue, wait = backoff): void {
    queue.notBeforeMs = Date.now() + backoffMs(wait, queue.failures, Math.random())
    queue.failures++
  }

  /** Asks who leads, at most one question at a time, ever less often while nobody answers. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    try {
      await this.#deps.metadata.refresh()
      this.#refreshFailures = 0
      this.#deps.outage.worked('metadata')
    } catch (cause) {
      this.#deps.outage.failed('metadata', cause)
      this.#refreshFailures++
    } finally {
      this.#isRefreshing = false
      this.#wakeAt(Date.now() + backoffMs(backoff, this.#refreshFailures, Math.random()))
    }
  }
}
