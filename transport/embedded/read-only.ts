import { readFileSync } from 'node:fs'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import type { Transport } from '../transport.ts'
import { type PartitionView, startConsumer } from './consumer.ts'
import { createInboxProducer } from './inbox.ts'
import type { LogDir } from './log-dir.ts'
import { scanSegment } from './recover.ts'
import { listSegments } from './segments.ts'

const pollMs = 200

/** The log as other processes see it: they follow its files, keep no offsets in it, and leave what they send in its inbox. */
export function openReadOnly(layout: LogDir, { now, log }: RuntimeDeps): Started<Transport> {
  const value: Transport = {
    kind: 'embedded',
    createProducer: async () => ({ value: createInboxProducer(layout.dir), stop: async () => {} }),
    createConsumer(options, handlers) {
      const views = options.topics.flatMap((topic) =>
        Array.from({ length: layout.partitions }, (_, partition): PartitionView => {
          const dir = layout.partitionDir(topic, partition)
          return {
            topic,
            partition,
            dir,
            firstOffset: () => listSegments(dir)[0]?.baseOffset ?? 0,
            endOffset: () => Number.POSITIVE_INFINITY,
            latestOffset: () => endOfFiles(dir),
            more: (signal) => sleep(pollMs, signal).catch(() => {}),
            isLive: () => true,
          }
        }),
      )
      return startConsumer(options, handlers, { views, committed: () => undefined, commit: () => {}, now, log })
    },
    ensureTopics: async () => {},
  }
  return { value, stop: async () => {} }
}

/** The offset after the last whole record in a partition's files. */
function endOfFiles(dir: string): number {
  const last = listSegments(dir).at(-1)
  if (!last) return 0
  return scanSegment(readFileSync(last.path), last.baseOffset).nextOffset
}
