import type { ThumpEvent } from './event.ts'
import type { TopicName } from './topics.ts'

export const schemaVersion = '1'

/** An event on its way: where it goes, in which order stream, and what it says. */
export interface Emitted {
  readonly topic: TopicName
  /** The record's key: `<cluster>/events`, or `<node>/<stream>` (streamKey). */
  readonly key: string
  readonly event: ThumpEvent
}

export interface EncodedRecord {
  readonly topic: TopicName
  readonly key: string
  readonly value: Uint8Array
  readonly headers: { readonly schema: string; readonly id: string }
  readonly timestampMs: number
}

export function encodeEvent({ topic, key, event }: Emitted): EncodedRecord {
  return {
    topic,
    key,
    value: Buffer.from(JSON.stringify(event)),
    headers: { schema: schemaVersion, id: event.event.id },
    timestampMs: Date.parse(event['@timestamp']),
  }
}

export type Decoded =
  | { readonly kind: 'event'; readonly event: ThumpEvent }
  | { readonly kind: 'invalid'; readonly reason: 'not-json' | 'not-an-object' | 'no-id' | 'no-time' }

/** Never throws: what cannot be read is an answer with a bounded reason. */
export function decodeEvent(value: Uint8Array): Decoded {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'))
  } catch {
    return { kind: 'invalid', reason: 'not-json' }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { kind: 'invalid', reason: 'not-an-object' }
  const candidate = parsed as Partial<ThumpEvent>
  if (
    typeof candidate.event !== 'object' ||
    candidate.event === null ||
    typeof candidate.event.id !== 'string' ||
    candidate.event.id === ''
  ) {
    return { kind: 'invalid', reason: 'no-id' }
  }
  if (typeof candidate['@timestamp'] !== 'string' || Number.isNaN(Date.parse(candidate['@timestamp'])))
    return { kind: 'invalid', reason: 'no-time' }
  return { kind: 'event', event: candidate as ThumpEvent }
}

/** `<node>/<stream>`; a file's path goes without its first slash. */
export function streamKey(node: string, stream: string): string {
  return `${node}/${stream.replace(/^\//, '')}`
}
