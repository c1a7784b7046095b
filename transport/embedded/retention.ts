import type { Clock } from '../../runtime/clock.ts'
import type { PartitionLog } from './partition-log.ts'

/** The group that is furthest behind in a partition. */
export interface Holder {
  readonly role: string
  readonly offset: number
}

export type RetainedLog = Pick<PartitionLog, 'dir' | 'bytes' | 'oldest' | 'removeOldest'>

export interface RetentionDeps<L extends RetainedLog> {
  readonly retentionMs: number
  readonly maxBytes: number
  /** Undefined where no group reads the partition. */
  readonly holderOf: (log: L) => Holder | undefined
  readonly now: Clock
}

/**
 * Removes the oldest segments by age, and by bytes until `wantedBytes` more fit: whole ones, and none that a group has
 * still to read. Returns who holds the log where they do not fit.
 */
export async function applyRetention<L extends RetainedLog>(
  logs: readonly L[],
  wantedBytes: number,
  { retentionMs, maxBytes, holderOf, now }: RetentionDeps<L>,
): Promise<(Holder & { readonly dir: string }) | undefined> {
  const holderOfOldest = (log: L) => {
    const holder = holderOf(log)
    return holder && holder.offset < (log.oldest()?.endOffset ?? 0) ? holder : undefined
  }
  const isOld = (log: L) => now() - (log.oldest()?.lastWriteMs ?? Number.POSITIVE_INFINITY) > retentionMs
  for (const log of logs) while (isOld(log) && !holderOfOldest(log)) await log.removeOldest()
  let total = logs.reduce((sum, log) => sum + log.bytes, 0)
  while (total + wantedBytes > maxBytes) {
    const largest = logs
      .filter((log) => log.oldest() && !holderOfOldest(log))
      .reduce<L | undefined>((most, log) => (most && most.bytes >= log.bytes ? most : log), undefined)
    if (!largest) break
    const before = largest.bytes
    await largest.removeOldest()
    total += largest.bytes - before
  }
  if (total + wantedBytes <= maxBytes) return undefined
  const held = logs.flatMap((log) => {
    const holder = holderOfOldest(log)
    return holder ? [{ ...holder, dir: log.dir, bytes: log.bytes }] : []
  })
  // With nothing held, what is wanted is larger than the whole bound: it is let in rather than refused for ever.
  return held.toSorted((a, b) => b.bytes - a.bytes)[0]
}
