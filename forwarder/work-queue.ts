import type { InRecord, TopicPartition } from '../transport/transport.ts'
import type { Taken } from './offset-tracker.ts'
import type { Arrival } from './read-record.ts'

/** A record on its way, and the batch whose place it holds up. */
export interface Work extends Arrival {
  readonly taken: Taken
}

export interface BulkLimits {
  readonly documents: number
  /** No bulk exceeds it by more than one record. */
  readonly bytes: number
}

/** What was read and is not yet being written, in the order in which it came. */
export class WorkQueue {
  #works: Work[] = []
  #first = 0
  bytes = 0

  get isEmpty(): boolean {
    return this.#first === this.#works.length
  }

  add({ topic, partition }: TopicPartition, records: readonly InRecord[], taken: Taken): void {
    for (const record of records) {
      this.#works.push({ topic, partition, record, taken })
      this.bytes += record.value.length
    }
  }

  /** Takes the next bulk off the queue. */
  next(limits: BulkLimits): Work[] {
    let bytes = 0
    let end = this.#first
    for (; end < this.#works.length && end - this.#first < limits.documents; end++) {
      const size = this.#works[end]?.record.value.length ?? 0
      if (bytes > 0 && bytes + size > limits.bytes) break
      bytes += size
    }
    const taken = this.#works.slice(this.#first, end)
    this.bytes -= bytes
    this.#first = end
    // What is gone is let go of in large steps: moving the rest at each bulk would cost more than the bulk.
    if (this.#first > 1000 && this.#first * 2 > this.#works.length) {
      this.#works = this.#works.slice(this.#first)
      this.#first = 0
    }
    return taken
  }

  drop({ topic, partition }: TopicPartition): void {
    this.#works = this.#works.slice(this.#first).filter((one) => one.topic !== topic || one.partition !== partition)
    this.#first = 0
    this.bytes = this.#works.reduce((sum, { record }) => sum + record.value.length, 0)
  }
}
