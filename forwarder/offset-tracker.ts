import type { RecordBatch, TopicPartition, TopicPartitionOffset } from '../transport/transport.ts'

/** A batch that was taken in; its place is passed only when all of its records are settled. */
export interface Taken {
  readonly next: number
  /** Records of it that are not settled, and those of them that are being written now. */
  remaining: number
  writing: number
}

interface Progress extends TopicPartition {
  readonly taken: Taken[]
}

/**
 * Which offsets may be committed: those before which everything is settled, whatever order the writes end in. Pure.
 */
export class OffsetTracker {
  readonly #partitions = new Map<string, Progress>()

  take({ topic, partition, records }: RecordBatch): Taken {
    const progress = this.#progressOf({ topic, partition })
    const last = records.at(-1)
    const taken = { next: (last?.offset ?? -1) + 1, remaining: records.length, writing: 0 }
    progress.taken.push(taken)
    return taken
  }

  /** What may be committed since the last call: at most one offset a partition. */
  due(): TopicPartitionOffset[] {
    const due: TopicPartitionOffset[] = []
    for (const { topic, partition, taken } of this.#partitions.values()) {
      let settled = 0
      while (settled < taken.length && taken[settled]?.remaining === 0) settled++
      const last = taken[settled - 1]
      if (!last) continue
      taken.splice(0, settled)
      due.push({ topic, partition, offset: last.next })
    }
    return due
  }

  /** Records that were taken in and are not settled. */
  get unsettled(): number {
    let records = 0
    for (const { taken } of this.#partitions.values()) for (const { remaining } of taken) records += remaining
    return records
  }

  /** Is any record of the partition being written? */
  isWriting({ topic, partition }: TopicPartition): boolean {
    return this.#partitions.get(`${topic} ${partition}`)?.taken.some(({ writing }) => writing > 0) ?? false
  }

  /** The partition belongs to somebody else now. */
  forget({ topic, partition }: TopicPartition): void {
    this.#partitions.delete(`${topic} ${partition}`)
  }

  #progressOf({ topic, partition }: TopicPartition): Progress {
    const key = `${topic} ${partition}`
    let progress = this.#partitions.get(key)
    if (!progress) this.#partitions.set(key, (progress = { topic, partition, taken: [] }))
    return progress
  }
}
