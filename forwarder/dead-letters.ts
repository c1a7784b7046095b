import { type TopicName, topicNames } from '../event/topics.ts'
import type { InRecord, OutRecord } from '../transport/transport.ts'
import { readRecord } from './read-record.ts'

/** A record that the storage would not have, as it lies in DEADLETTER. */
export interface DeadLetter {
  /** `TOPIC/partition/offset`: where it came from, and what it is called by. */
  readonly address: string
  readonly topic: TopicName
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly error: string
  /** The event's id, where it was known. */
  readonly id: string | undefined
  readonly key: string
  readonly value: Buffer
  /** How many bytes the value had, where only the first part of it was kept. */
  readonly cutFrom: number | undefined
  readonly wasRetried: boolean
}

/** The reason under which a letter's retry is noted: DEADLETTER is a log, in which nothing is taken away. */
const retriedReason = 'retried'

/**
 * What lies in DEADLETTER, oldest first, each record once: a forwarder that was killed may have written it twice. Records
 * by other hands are passed over.
 */
export function readDeadLetters(records: readonly InRecord[]): DeadLetter[] {
  const letters = new Map<string, DeadLetter>()
  for (const { key, value, headers } of records) {
    const topic = topicNames.find((name) => name === headers['topic'])
    const { partition = '', offset = '', reason = '', error = '' } = headers
    if (!topic || !/^\d+$/.test(partition) || !/^\d+$/.test(offset)) continue
    const address = `${topic}/${partition}/${offset}`
    const known = letters.get(address)
    if (reason === retriedReason) {
      if (known) letters.set(address, { ...known, wasRetried: true })
    } else if (!known) {
      const cutFrom = headers['cut-from'] === undefined ? undefined : Number(headers['cut-from'])
      const place = { address, topic, partition: Number(partition), offset: Number(offset) }
      letters.set(address, { ...place, reason, error, id: headers['id'], key, value, cutFrom, wasRetried: false })
    }
  }
  return [...letters.values()]
}

/** Why sending it again is useless; undefined where it may be stored now. */
export function whyNotRetry({
  topic,
  partition,
  offset,
  key,
  value,
  cutFrom,
  wasRetried,
}: DeadLetter): string | undefined {
  if (wasRetried) return 'it was sent again before'
  if (cutFrom !== undefined) return `only ${value.length} of its ${cutFrom} bytes were kept`
  const read = readRecord({ topic, partition, record: { offset, key, value, headers: {}, timestampMs: 0 } })
  return read.kind === 'poison' ? `no storage could keep it: ${read.error}` : undefined
}

/** The record as it was, to where it came from: the same bytes, so the same id. */
export function retryOf({ topic, key, value, id }: DeadLetter, nowMs: number): OutRecord {
  return { topic, key, value, headers: { schema: '1', ...(id !== undefined && { id }) }, timestampMs: nowMs }
}

/** Notes in DEADLETTER that the letter was sent again. */
export function retriedNote({ topic, partition, offset, key, id }: DeadLetter, nowMs: number): OutRecord {
  const place = { topic, partition: String(partition), offset: String(offset) }
  const headers = { reason: retriedReason, ...place, ...(id !== undefined && { id }) }
  return { topic: 'DEADLETTER', key, value: Buffer.alloc(0), headers, timestampMs: nowMs }
}
