import type { TopicName } from '../event/topics.ts'
import type { OutRecord } from './transport.ts'

/**
 * Many records of one topic and key in one piece, for sources at speed: no object a record. In `bytes` each record's value
 * stands before its id, one record behind the other.
 */
export interface PackedRecords {
  readonly topic: TopicName
  readonly key: string
  /** What all have in common; each has a header `id` of its own besides. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  /** Where the first value begins. */
  readonly start: number
  /** Two numbers a record: where its value ends, and where its id does. */
  readonly bounds: Uint32Array
  /** Kafka's record times, ms since the epoch, whole numbers. */
  readonly timesMs: Float64Array
}

/** The same records one by one; values are views of the same bytes. */
export function unpack({ topic, key, headers, bytes, start, bounds, timesMs }: PackedRecords): OutRecord[] {
  let at = start
  return Array.from(timesMs, (timestampMs, index) => {
    const [valueEnd, idEnd] = [bounds[2 * index] ?? at, bounds[2 * index + 1] ?? at]
    const value = bytes.subarray(at, valueEnd)
    at = idEnd
    return { topic, key, value, headers: { ...headers, id: bytes.toString('latin1', valueEnd, idEnd) }, timestampMs }
  })
}
