import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Gap } from '../transport/transport.ts'

export interface ForwarderTelemetry {
  /** Of one answer: documents stored now, and those that lay there already. */
  stored(fresh: number, duplicate: number): void
  retried(reason: string, count: number): void
  deadLettered(reason: string, error: string, id: string | undefined): void
  /** DEADLETTER did not take a record. */
  unburied(reason: string, error: string): void
  /** Not ok from when DEADLETTER refuses until it takes a record again: offsets stand still meanwhile. */
  burying(): { ok: boolean; detail?: string }
  gap(gap: Gap): void
  away(cause: unknown): void
  back(): void
  /** A write did not end and was begun anew: that is no outcome. */
  hung(): void
  /** How many records were ever settled. */
  settled(): number
  /** How many answers and failures there ever were: it stands still only where a writer hangs. */
  outcomes(): number
}

/** So long after telling that the storage is away it is not told again: a proxy may cut off every other write. */
const quietMs = 10_000

/** Log line and counter together; a store that is away is told once, and its return with the number of tries. */
export function createTelemetry({ log, metrics }: { log: Logger; metrics: Metrics }): ForwarderTelemetry {
  const outcomes = metrics.counter('thump_stored_total', 'Records by what became of them in the storage', ['outcome'])
  const retries = metrics.counter('thump_store_retries_total', 'Writes of one event that are tried again, by reason', [
    'reason',
  ])
  const dead = metrics.counter('thump_dead_letters_total', 'Records the storage will never take, by reason', ['reason'])
  const gaps = metrics.counter('thump_consumer_gaps_total', 'Times that the log did not hold what was to be read', [
    'topic',
    'reason',
  ])
  const gapRecords = metrics.counter('thump_consumer_gap_records_total', 'Offsets that the log no longer held', [
    'topic',
  ])
  const unburied = metrics.counter('thump_dead_letters_refused_total', 'Records DEADLETTER did not take, by reason', [
    'reason',
  ])
  const unavailable = metrics.counter('thump_store_unavailable_total', 'Writes without an answer, tried again')
  const hung = metrics.counter('thump_store_hung_total', 'Writes that did not end, begun anew')
  const told = new Set<string>()
  let failures = 0
  let isToldAway = false
  let quietUntilMs = 0
  let settled = 0
  let happened = 0
  let whyUnburied: string | undefined
  return {
    settled: () => settled,
    outcomes: () => happened,
    stored(fresh, duplicate) {
      happened++
      settled += fresh + duplicate
      if (fresh > 0) outcomes.inc({ outcome: 'stored' }, fresh)
      if (duplicate > 0) outcomes.inc({ outcome: 'duplicate' }, duplicate)
    },
    retried: (reason, count) => retries.inc({ reason }, count),
    deadLettered(reason, error, id) {
      happened++
      settled++
      whyUnburied = undefined
      outcomes.inc({ outcome: 'rejected' })
      dead.inc({ reason })
      // One line a reason: the rest is in the topic and in the counter.
      if (told.has(reason)) return
      told.add(reason)
      log.warn({ reason, error, id }, 'record sent to DEADLETTER; further ones of this reason are only counted')
    },
    unburied(reason, error) {
      happened++
      whyUnburied = reason
      unburied.inc({ reason })
      if (told.has(`unburied ${reason}`)) return
      told.add(`unburied ${reason}`)
      log.error({ reason, error }, 'DEADLETTER does not take a record: a smaller part of it is tried, and then again')
    },
    burying: () =>
      whyUnburied === undefined ? { ok: true } : { ok: false, detail: `DEADLETTER refuses: ${whyUnburied}` },
    gap({ topic, partition, from, to, reason }) {
      gaps.inc({ topic, reason })
      // A log that begins anew goes back: how many records it lost nobody knows.
      gapRecords.inc({ topic }, Math.max(0, to - from))
      log.error({ topic, partition, from, to, reason }, 'records were gone before they were read')
    },
    away(cause) {
      happened++
      unavailable.inc()
      failures++
      if (isToldAway || performance.now() < quietUntilMs) return
      isToldAway = true
      quietUntilMs = performance.now() + quietMs
      log.error({ err: cause }, 'storage is away: reading pauses, writing is tried again')
    },
    hung() {
      hung.inc()
      log.error('a write into the storage does not end: left behind, and written anew')
    },
    back() {
      if (isToldAway) log.info({ failures }, 'storage is back')
      isToldAway = false
      failures = 0
    },
  }
}
