import type { TopicName } from '../../event/topics.ts'
import { UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { retryForever } from '../../runtime/retry.ts'
import type { StoppedLog, StoppedPartition } from '../embedded/stopped-log.ts'
import type { GroupOffsets } from '../kafka/group-offsets.ts'
import type { InRecord, Producer, TopicPartitionOffset } from '../transport.ts'
import type { Journal } from './journal.ts'

export interface MigrateLogDeps {
  readonly source: StoppedLog
  readonly producer: Producer
  readonly groups: GroupOffsets
  readonly journal: Journal
  /** The alerter keeps its own places, with its decisions: asked for, and put where they are on Kafka. */
  readonly alerter: {
    places(): Promise<readonly TopicPartitionOffset[]>
    move(offsets: readonly TopicPartitionOffset[]): Promise<void>
  }
  readonly log: Logger
  readonly onProgress: (records: number, total: number) => void
}

export interface Migrated {
  /** Records that now lie in Kafka, of this run. */
  readonly records: number
  readonly refused: number
  readonly lostOffsets: number
}

/** What the storage holds needs no second way; the alerter must not decide twice, so it goes by what it has read. */
const stored: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']

const usualAttempts = 4
const backoff = { baseMs: 200, maxMs: 10_000 }

/**
 * Carries what the roles have not read yet from the own log into Kafka, in its order, and puts both consumer groups where
 * they stand. First what the alerter has read and the forwarder has not: behind it lies the alerter's place. Broken off it
 * goes on from its journal; what comes twice has the same id.
 */
export async function migrateLog(deps: MigrateLogDeps, signal: AbortSignal): Promise<Migrated> {
  const { source, producer, groups, journal, alerter, log } = deps
  const patiently = <T>(work: () => Promise<T>) =>
    retryForever(work, backoff, signal, {
      isFatal: (cause) => !(cause instanceof UnavailableError),
      onFailure: (err, attempt) => {
        // Topics made a moment ago have no leader yet: that is usual.
        if (attempt === usualAttempts) log.warn({ err }, 'kafka is unavailable, retrying')
      },
    })
  const place = async (role: string, offsets: readonly TopicPartitionOffset[]) => {
    const isFresh = !(await patiently(() => groups.hasCommitted(role, stored)))
    if (isFresh) await patiently(() => groups.commit(role, offsets))
    journal.place(role)
  }
  if (!journal.isPlaced('forwarder')) await place('forwarder', await patiently(() => groups.ends(stored)))
  const placesOf = placesIn(await journal.alerterPlaces(() => alerter.places()))
  const carrier = new Carrier(deps, placesOf, signal)
  if (!journal.isPlaced('alerting')) {
    for (const one of source.partitions) await carrier.carry(one, Math.min(placesOf(one).alerting, one.endOffset))
    const places = await patiently(() => groups.ends(stored))
    await alerter.move(places)
    await place('alerting', places)
  }
  for (const one of source.partitions) await carrier.carry(one, one.endOffset)
  const left = await source.takeInbox(producer, signal)
  return { ...carrier.done, records: carrier.done.records + left }
}

interface Places {
  readonly forwarder: number
  readonly alerting: number
}

/** DEADLETTER has no reader: it is carried as a whole. */
function placesIn(alerter: readonly TopicPartitionOffset[]): (one: StoppedPartition) => Places {
  return (one) => {
    if (!stored.includes(one.topic)) return { forwarder: 0, alerting: 0 }
    const own = alerter.find(({ topic, partition }) => topic === one.topic && partition === one.partition)
    return { forwarder: one.placeOf('forwarder'), alerting: own?.offset ?? one.placeOf('alerting') }
  }
}

class Carrier {
  readonly #deps: MigrateLogDeps
  readonly #placesOf: (one: StoppedPartition) => Places
  readonly #signal: AbortSignal
  readonly #total: number
  readonly done = { records: 0, refused: 0, lostOffsets: 0 }

  constructor(deps: MigrateLogDeps, placesOf: (one: StoppedPartition) => Places, signal: AbortSignal) {
    this.#deps = deps
    this.#placesOf = placesOf
    this.#signal = signal
    this.#total = deps.source.partitions.reduce((sum, one) => sum + Math.max(0, one.endOffset - this.#from(one)), 0)
  }

  /** No role needs what lies before the one that is furthest behind. */
  #from(one: StoppedPartition): number {
    const { forwarder, alerting } = this.#placesOf(one)
    return this.#deps.journal.carried(one) ?? Math.max(one.firstOffset, Math.min(forwarder, alerting))
  }

  async carry(one: StoppedPartition, to: number): Promise<void> {
    const from = this.#from(one)
    if (from >= to) return
    for await (const step of one.read(from, to)) {
      if (step.kind === 'gap') {
        const { topic, partition } = one
        this.#deps.log.error({ topic, partition, from: step.from, to: step.to }, 'the log does not hold these offsets')
        this.done.lostOffsets += step.to - step.from
        this.#deps.journal.setCarried(one, step.to)
      } else {
        await this.#send(one.topic, step.records)
        this.#deps.journal.setCarried(one, (step.records.at(-1)?.offset ?? 0) + 1)
      }
    }
  }

  async #send(topic: TopicName, records: readonly InRecord[]): Promise<void> {
    const sent = records.map(({ key, value, headers, timestampMs }) => ({ topic, key, value, headers, timestampMs }))
    const { rejected } = await this.#deps.producer.send(sent, this.#signal)
    for (const { index, reason, error } of rejected)
      this.#deps.log.error({ topic, offset: records[index]?.offset, reason, error }, 'Kafka refuses a record')
    this.done.refused += rejected.length
    this.done.records += records.length - rejected.length
    this.#deps.onProgress(this.done.records, this.#total)
  }
}
