import { type TopicName, topicNames } from '../../event/topics.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import type { Producer, TopicPartition } from '../transport.ts'
import { openGroups } from './groups.ts'
import { takeInbox } from './inbox.ts'
import { openLogDir } from './log-dir.ts'
import { PartitionLog } from './partition-log.ts'
import { PartitionReader, type ReadStep } from './partition-reader.ts'

export interface StoppedPartition extends TopicPartition {
  readonly firstOffset: number
  readonly endOffset: number
  /** Where the group would go on; 0 where it never read. */
  placeOf(role: string): number
  /** What lies from an offset on, below `to`. */
  read(from: number, to: number): AsyncGenerator<Exclude<ReadStep, { kind: 'end' }>>
}

/** The log of a process that does not run: locked, recovered, nothing in it changed. Throws ThumpError where another process owns it. */
export interface StoppedLog {
  readonly partitions: readonly StoppedPartition[]
  /** Hands on what other processes left beside the log; how many records. */
  takeInbox(producer: Producer, signal: AbortSignal): Promise<number>
}

export function openStoppedLog(
  dir: string,
  topics: Readonly<Record<TopicName, string>>,
  { log: parent, now }: RuntimeDeps,
): Started<StoppedLog> {
  const log = parent.child({ component: 'transport.embedded' })
  // Where none was ever made there are no partitions, and none is to be made.
  const layout = openLogDir(dir, topics, 0, false)
  const groups = openGroups(dir, { log, now })
  const partitions = topicNames.flatMap((topic) =>
    Array.from({ length: layout.partitions }, (_, partition): StoppedPartition => {
      const at = { topic, partition }
      const partitionLog = new PartitionLog({
        dir: layout.partitionDir(topic, partition),
        segmentBytes: Number.MAX_SAFE_INTEGER,
        segmentMs: Number.MAX_SAFE_INTEGER,
        knownEnd: groups.knownEnd(at),
        onFinding: ({ path, what, fields }) => log.warn({ path, ...at, ...fields }, what),
        now,
      })
      return {
        ...at,
        firstOffset: partitionLog.firstOffset,
        endOffset: partitionLog.durableOffset,
        placeOf: (role) => groups.committed(role, at) ?? 0,
        read: (from, to) => read(partitionLog.dir, from, to),
      }
    }),
  )
  const value: StoppedLog = { partitions, takeInbox: (producer, signal) => takeInbox(dir, producer, log, signal) }
  return { value, stop: async () => groups.close([]) }
}

async function* read(dir: string, from: number, to: number): AsyncGenerator<Exclude<ReadStep, { kind: 'end' }>> {
  const reader = new PartitionReader(dir, from)
  try {
    for (;;) {
      const step = await reader.step(to)
      if (step.kind === 'end') return
      yield step
    }
  } finally {
    await reader.close()
  }
}
