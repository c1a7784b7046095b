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

  /** Takes the next bulk off the queue. */
  next(limits: BulkLimits): Work[] {
    const works: Work[] = []
    let bytes = 0
    for (let run = this.#runs[0]; run && works.length < limits.documents; run = this.#runs[0]) {
      const { topic, partition, records, taken } = run
      const record = records[run.next]
      if (record) {
        if (bytes > 0 && bytes + record.value.length > limits.bytes) break
        bytes += record.value.length
        works.push({ topic, partition, record, taken })
      }
      if (++run.next >= records.length) this.#runs.shift()
    }
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
