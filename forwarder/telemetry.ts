import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'

export interface ForwarderTelemetry {
  stored(isDuplicate: boolean): void
  retried(reason: string, count: number): void
  deadLettered(reason: string, error: string, id: string | undefined): void
  gap(topic: string, partition: number, from: number, to: number, reason: string): void
  away(cause: unknown): void
  back(): void
}

/** Log line and counter together; a store that is away is told once, and its return with the number of tries. */
export function createTelemetry({ log, metrics }: { log: Logger; metrics: Metrics }): ForwarderTelemetry {
  const outcomes = metrics.counter('thump_stored_total', 'Records by what became of them in the storage', ['outcome'])
  const retries = metrics.counter('thump_store_retries_total', 'Writes of one event that are tried again, by reason', [
    'reason',
  ])
  const dead = metrics.counter('thump_dead_letters_total', 'Records the storage will never take, by reason', ['reason'])
  const gaps = metrics.counter('thump_consumer_gap_records_total', 'Offsets that the log no longer held', ['topic'])
  const told = new Set<string>()
  let failures = 0
  return {
    stored: (isDuplicate) => outcomes.inc({ outcome: isDuplicate ? 'duplicate' : 'stored' }),
    retried: (reason, count) => retries.inc({ reason }, count),
    deadLettered(reason, error, id) {
      outcomes.inc({ outcome: 'rejected' })
      dead.inc({ reason })
      // One line a reason: the rest is in the topic and in the counter.
      if (told.has(reason)) return
      told.add(reason)
      log.warn({ reason, error, id }, 'record sent to DEADLETTER; further ones of this reason are only counted')
    },
    gap(topic, partition, from, to, reason) {
      gaps.inc({ topic }, to - from)
      log.error({ topic, partition, from, to, reason }, 'records were gone before they were read')
    },
    away(cause) {
      if (failures++ === 0) log.error({ err: cause }, 'storage is away: reading pauses, writing is tried again')
    },
    back() {
      if (failures > 0) log.info({ failures }, 'storage is back')
      failures = 0
    },
  }
}
