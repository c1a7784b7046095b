import { decodeEvent } from '../event/encode.ts'
import type { TopicName } from '../event/topics.ts'
import type { StoreItem } from '../storage/storage.ts'
import type { InRecord, OutRecord } from '../transport/transport.ts'

/** One record on its way through the forwarder. */
export interface Arrival {
  readonly topic: TopicName
  readonly partition: number
  readonly record: InRecord
}

export type ReadResult =
  | { readonly kind: 'item'; readonly item: StoreItem }
  /** Nothing a store could keep: it goes to DEADLETTER as it is. */
  | { readonly kind: 'poison'; readonly reason: string; readonly error: string }

const explanations = {
  'not-json': 'the value is not JSON',
  'not-an-object': 'the value is JSON, but not an object',
  'no-id': 'event.id is missing',
  'no-time': '@timestamp is missing or unreadable',
} as const

/** What a store can keep of a record. Never throws: a poisoned record must not stop its partition. */
export function readRecord({ topic, record }: Arrival): ReadResult {
  const decoded = decodeEvent(record.value)
  if (decoded.kind === 'invalid') return { kind: 'poison', reason: decoded.reason, error: explanations[decoded.reason] }
  const { event } = decoded
  const atMs = Date.parse(event['@timestamp'])
  return { kind: 'item', item: { topic, id: event.event.id, value: record.value, event, atMs } }
}

const longestError = 1000

/** The original bytes with the reason, and where they came from. */
export function deadLetter({ topic, partition, record }: Arrival, reason: string, error: string): OutRecord {
  return {
    topic: 'DEADLETTER',
    key: record.key,
    value: record.value,
    headers: {
      reason,
      topic,
      partition: String(partition),
      offset: String(record.offset),
      error: error.slice(0, longestError),
      ...(record.headers['id'] !== undefined && { id: record.headers['id'] }),
    },
    timestampMs: record.timestampMs,
  }
}
