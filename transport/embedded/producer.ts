import type { TopicName } from '../../event/topics.ts'
import type { OutRecord, Producer, SendResult } from '../transport.ts'
import type { GroupWriter } from './group-writer.ts'
import type { PartitionLog } from './partition-log.ts'
import { partitionOf } from './partition-of.ts'
import { frameProblem } from './segment-format.ts'

export interface ProducerDeps {
  readonly partitions: number
  readonly logOf: (topic: TopicName, partition: number) => PartitionLog | undefined
  readonly writer: GroupWriter
}

type Rejected = SendResult['rejected'][number]

/** Larger records are refused for good. */
const maxRecordBytes = 16 * 2 ** 20

/** Sends into the log; resolves after the records' fsync. */
export function createProducer({ partitions, logOf, writer }: ProducerDeps): Producer & { isConnected(): boolean } {
  return {
    isConnected: () => writer.isWriting,
    async send(records, signal): Promise<SendResult> {
      signal.throwIfAborted()
      const rejected: Rejected[] = []
      const accepted = new Map<PartitionLog, OutRecord[]>()
      for (const [index, record] of records.entries()) {
        const log = logOf(record.topic, partitionOf(record.key, partitions))
        const problem = log ? refusal(record) : undefined
        if (!log) rejected.push({ index, reason: 'unknown-topic', error: `the log has no topic ${record.topic}` })
        else if (problem !== undefined) rejected.push({ index, reason: 'too-large', error: problem })
        else if (accepted.get(log)?.push(record) === undefined) accepted.set(log, [record])
      }
      await unlessAborted(Promise.all([...accepted].map(([log, ones]) => writer.write(log, ones))), signal)
      return { rejected }
    },
  }
}

function refusal(record: OutRecord): string | undefined {
  const { length } = record.value
  return length > maxRecordBytes ? `${length} bytes; at most ${maxRecordBytes}` : frameProblem(record)
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
