import type { InRecord, RecordBatch, TopicPartition } from '../transport/transport.ts'
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

/** What is left of a batch. */
interface Run extends TopicPartition {
  readonly records: readonly InRecord[]
  readonly taken: Taken
  next: number
}

/** What was read and is not yet being written, in the order in which it came. */
export class WorkQueue {
  #runs: Run[] = []
  bytes = 0

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  add({ topic, partition, records }: RecordBatch, taken: Taken): void {
    if (records.length === 0) return
    this.#runs.push({ topic, partition, records, taken, next: 0 })
    for (const { value } of records) this.bytes += value.length
  }

  /** Takes the next bulk off the queue: what came first, and more of its topic, for an index more in a bulk is dear. */
  next(limits: BulkLimits): Work[] {
    const works: Work[] = []
    const first = this.#runs[0]?.topic
    let bytes = 0
    for (const run of this.#runs) {
      const { topic, partition, records, taken } = run
      if (topic !== first) continue
      for (let record = records[run.next]; record; record = records[++run.next]) {
        const isFull = works.length > 0 && bytes + record.value.length > limits.bytes
        if (isFull || works.length >= limits.documents) return this.#without(bytes, works)
        bytes += record.value.length
        works.push({ topic, partition, record, taken })
      }
    }
    return this.#without(bytes, works)
  }

  #without(bytes: number, works: Work[]): Work[] {
    this.#runs = this.#runs.filter(({ records, next }) => next < records.length)
    this.bytes -= bytes
    return works
  }

  drop({ topic, partition }: TopicPartition): void {
    this.#runs = this.#runs.filter((one) => one.topic !== topic || one.partition !== partition)
    this.bytes = 0
    for (const { records, next } of this.#runs)
      for (let index = next; index < records.length; index++) this.bytes += records[index]?.value.length ?? 0
  }
}
