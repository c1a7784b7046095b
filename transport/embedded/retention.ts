import { statSync } from 'node:fs'
import type { PartitionLog } from './partition-log.ts'

export interface RetentionDeps {
  readonly retentionMs: number
  readonly maxBytes: number
  /** The least offset some consumer group still has to read; undefined where nobody reads. */
  readonly unreadFrom: (log: PartitionLog) => number | undefined
  readonly now: () => number
}

/** Removes the oldest segments by age and bytes, never one that a group has still to read. True while there is room. */
export function applyRetention(
  logs: readonly PartitionLog[],
  { retentionMs, maxBytes, unreadFrom, now }: RetentionDeps,
): boolean {
  const isRead = (log: PartitionLog, endOffset: number) => (unreadFrom(log) ?? Number.POSITIVE_INFINITY) >= endOffset
  for (const log of logs) {
    for (let oldest = log.oldest(); oldest && isRead(log, oldest.endOffset); oldest = log.oldest()) {
      const lastWriteMs = statSync(oldest.path, { throwIfNoEntry: false })?.mtimeMs ?? 0
      if (now() - lastWriteMs <= retentionMs) break
      log.removeOldest()
    }
  }
  let total = logs.reduce((sum, log) => sum + log.bytes(), 0)
  while (total > maxBytes) {
    const candidates = logs.filter((log) => {
      const oldest = log.oldest()
      return oldest && isRead(log, oldest.endOffset)
    })
    const largest = candidates.toSorted((a, b) => b.bytes() - a.bytes())[0]
    if (!largest) return false
    largest.removeOldest()
    total = logs.reduce((sum, log) => sum + log.bytes(), 0)
  }
  return true
}
