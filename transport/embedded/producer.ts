import type { TopicName } from '../../event/topics.ts'
import type { ConnectedProducer, OutRecord, SendResult } from '../transport.ts'
import type { GroupWriter } from './group-writer.ts'
import type { PartitionLog } from './partition-log.ts'
import { partitionOf } from './partition-of.ts'
import { frameBytes } from './segment-format.ts'

export interface ProducerDeps {
  readonly partitions: number
  readonly logOf: (topic: TopicName, partition: number) => PartitionLog | undefined
  readonly writer: GroupWriter
}

type Rejected = SendResult['rejected'][number]

interface Batch {
  readonly log: PartitionLog
  readonly records: OutRecord[]
  bytes: number
}

/** Larger records are refused for good. */
const maxRecordBytes = 16 * 2 ** 20

/** Sends into the log; resolves after the records' fsync. */
export function createProducer({ partitions, logOf, writer }: ProducerDeps): ConnectedProducer {
  return {
    isConnected: () => writer.isWriting,
    problem: () => writer.problem,
    async send(records, signal): Promise<SendResult> {
      signal.throwIfAborted()
      const rejected: Rejected[] = []
      const batches = new Map<PartitionLog, Batch>()
      const batchOf = (topic: TopicName, key: string) => {
        const log = logOf(topic, partitionOf(key, partitions))
        const batch = log && (batches.get(log) ?? { log, records: [], bytes: 0 })
        if (batch) batches.set(batch.log, batch)
        return batch
      }
      // A batch has few topics and keys: each is looked up once.
      const byKey = new Map<TopicName, Map<string, Batch | undefined>>()
      for (const [index, record] of records.entries()) {
        let keys = byKey.get(record.topic)
        if (!keys) byKey.set(record.topic, (keys = new Map()))
        let batch = keys.get(record.key)
        if (!batch) keys.set(record.key, (batch = batchOf(record.topic, record.key)))
        const bytes = record.value.length <= maxRecordBytes ? frameBytes(record) : undefined
        if (!batch) rejected.push({ index, reason: 'unknown-topic', error: `the log has no topic ${record.topic}` })
        else if (bytes === undefined) rejected.push({ index, reason: 'too-large', error: tooLarge(record) })
        else {
          batch.records.push(record)
          batch.bytes += bytes
        }
      }
      const accepted = [...batches.values()].filter((batch) => batch.records.length > 0)
      const writing = accepted.map(({ log, records: some, bytes }) => writer.write(log, some, bytes))
      await unlessAborted(Promise.all(writing), signal)
      return { rejected }
    },
  }
}

function tooLarge({ value }: OutRecord): string {
  return `a value of ${value.length} bytes (at most ${maxRecordBytes}), or a key or header of more than 64 KiB`
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
