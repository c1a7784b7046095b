import type { TopicName } from '../../event/topics.ts'

/** How far one partition has been read, in event time. */
export interface PartitionClock {
  readonly topic: TopicName
  readonly partition: number
  /** The greatest event time read, or wall clock while idle; never goes back. Lateness is each rule's own. */
  clockMs: number
  lastReadMs: number
  /** Of the record in hand, where others lie behind it; else Infinity. */
  handMs: number
  hasLag: boolean
  /** Since when it has been fully read without a record. */
  idleSinceMs: number | undefined
  /** What lay there when it was assigned has not been read yet. */
  isBacklogged: boolean
  backlogEnd: number | undefined
}

/** A partition without a record for this long follows wall clock. */
const idleAfterMs = 5000

/** Before a record is taken: its time is known, and whether more lies behind it. `atMs` is already bounded by wall clock. */
export function advanceTo(clock: PartitionClock, atMs: number, hasLag: boolean): void {
  if (atMs > clock.clockMs) clock.clockMs = atMs
  clock.handMs = hasLag ? atMs : Number.POSITIVE_INFINITY
}

/** After it was taken: only then is what lies up to it decided upon. */
export function markRead(clock: PartitionClock, offset: number, atMs: number, highWatermark: number): void {
  clock.lastReadMs = atMs
  clock.handMs = Number.POSITIVE_INFINITY
  clock.idleSinceMs = undefined
  clock.hasLag = offset + 1 < highWatermark
  clock.backlogEnd ??= highWatermark
  if (offset + 1 >= clock.backlogEnd) clock.isBacklogged = false
}

/** Watermarks by topic. Pure: wall clock comes in as an argument. */
export class PartitionClocks {
  readonly #partitions = new Map<string, PartitionClock>()
  readonly #byTopic = new Map<TopicName, PartitionClock[]>()
  /** Moves when partitions come or go. */
  #version = 0

  assign(topic: TopicName, partition: number, clockMs: number | undefined): void {
    const key = `${topic} ${partition}`
    if (this.#partitions.has(key)) return
    const clock: PartitionClock = {
      topic,
      partition,
      clockMs: clockMs ?? Number.NEGATIVE_INFINITY,
      lastReadMs: Number.POSITIVE_INFINITY,
      handMs: Number.POSITIVE_INFINITY,
      hasLag: true,
      idleSinceMs: undefined,
      isBacklogged: true,
      backlogEnd: undefined,
    }
    this.#version++
    this.#partitions.set(key, clock)
    this.#byTopic.set(topic, [...(this.#byTopic.get(topic) ?? []), clock])
  }

  revoke(topic: TopicName, partition: number): void {
    const clock = this.#partitions.get(`${topic} ${partition}`)
    if (!clock) return
    this.#version++
    this.#partitions.delete(`${topic} ${partition}`)
    this.#byTopic.set(
      topic,
      (this.#byTopic.get(topic) ?? []).filter((other) => other !== clock),
    )
  }

  /** For `advanceTo` and `markRead`. */
  of(topic: TopicName, partition: number): PartitionClock {
    return this.#get(topic, partition)
  }

  /** It was read to its end at `wallMs`; told again and again while it stays so. */
  caughtUp(topic: TopicName, partition: number, wallMs: number): void {
    const clock = this.#get(topic, partition)
    clock.hasLag = false
    clock.isBacklogged = false
    clock.idleSinceMs ??= wallMs
    if (wallMs - clock.idleSinceMs >= idleAfterMs) clock.clockMs = Math.max(clock.clockMs, wallMs)
  }

  clockOf(topic: TopicName, partition: number): number {
    return this.#get(topic, partition).clockMs
  }

  /**
   * The least over the partitions of some topics; a topic without partitions holds nothing back. Asked for each event: as
   * long as the slowest has not moved, the others, which only go forward, change nothing.
   */
  least(topics: readonly TopicName[]): () => number {
    let slowest: PartitionClock | undefined
    let leastMs = Number.NEGATIVE_INFINITY
    let version = -1
    return () => {
      if (version === this.#version && slowest?.clockMs === leastMs) return leastMs
      version = this.#version
      slowest = undefined
      for (const topic of topics)
        for (const clock of this.#byTopic.get(topic) ?? [])
          if (!slowest || clock.clockMs < slowest.clockMs) slowest = clock
      leastMs = slowest?.clockMs ?? Number.NEGATIVE_INFINITY
      return leastMs
    }
  }

  /** Behind, or not yet through what lay there at the start: what is not there cannot be told from what is not read. */
  isBehind(topics: readonly TopicName[], nowMs: number, latenessMs: number): boolean {
    return topics.some((topic) =>
      (this.#byTopic.get(topic) ?? []).some(
        ({ isBacklogged, hasLag, lastReadMs, handMs }) =>
          isBacklogged || (hasLag && lastReadMs < nowMs - latenessMs) || handMs < nowMs - latenessMs,
      ),
    )
  }

  #get(topic: TopicName, partition: number): PartitionClock {
    const key = `${topic} ${partition}`
    if (!this.#partitions.has(key)) this.assign(topic, partition, undefined)
    return this.#partitions.get(key) as PartitionClock
  }
}
