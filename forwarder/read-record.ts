import { decodeEvent } from '../event/encode.ts'
import { scanEvent } from '../event/scan-event.ts'
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
  const head = scanEvent(record.value)
  if (head) return { kind: 'item', item: { topic, id: head.id, value: record.value, atMs: head.atMs } }
  const decoded = decodeEvent(record.value)
  if (decoded.kind === 'invalid') return { kind: 'poison', reason: decoded.reason, error: explanations[decoded.reason] }
  const { event } = decoded
  const atMs = Date.parse(event['@timestamp'])
  return { kind: 'item', item: { topic, id: event.event.id, value: record.value, atMs } }
}

const longestError = 1000
/** What a topic that takes no more takes all the same. */
const cutBytes = 64 * 1024

/** The original bytes with the reason, and where they came from; where not whole, so many as any topic takes. */
export function deadLetter(
  { topic, partition, record }: Arrival,
  reason: string,
  error: string,
  isWhole = true,
): OutRecord {
  const isCut = !isWhole && record.value.length > cutBytes
  return {
    topic: 'DEADLETTER',
    key: record.key,
    value: isCut ? record.value.subarray(0, cutBytes) : record.value,
    headers: {
      reason,
      topic,
      partition: String(partition),
      offset: String(record.offset),
      error: error.slice(0, longestError),
      ...(record.headers['id'] !== undefined && { id: record.headers['id'] }),
      ...(isCut && { 'cut-from': String(record.value.length) }),
    },
    timestampMs: record.timestampMs,
  }
}
