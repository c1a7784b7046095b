import type { Metrics } from '../runtime/metrics.ts'
import type { Logger } from '../runtime/log.ts'
import type { Gap } from '../transport/transport.ts'
import type { EngineOptions } from './engine/engine-io.ts'

export interface AlertingTelemetry {
  readonly counts: EngineOptions['counts']
  taken(topic: string, records: number): void
  gap(gap: Gap): void
  fired(rule: string): void
  commitFailed(error: unknown, attempt: number): void
  committed(attempts: number): void
  readonly decisionSeconds: { observe(seconds: number): void }
}

/** Log line and counter together. */
export function createTelemetry({ log, metrics }: { log: Logger; metrics: Metrics }): AlertingTelemetry {
  const read = metrics.counter('thump_alerting_events_read_total', 'Events the alerter read', ['topic'])
  const invalid = metrics.counter('thump_alerting_events_invalid_total', 'Records that are no event', ['reason'])
  const ahead = metrics.counter('thump_alerting_events_ahead_total', 'Events from the future, taken as of now')
  const longText = metrics.counter(
    'thump_alerting_events_long_text_total',
    'Events with a text of which rules scan only the first 32,768 characters',
  )
  const matches = metrics.counter('thump_rule_matches_total', 'Events that satisfied a rule', ['rule'])
  const late = metrics.counter('thump_events_late_total', "Events too late for a rule's windows", ['rule'])
  const skipped = metrics.counter('thump_rule_events_skipped_total', 'Events a rule could not take', ['rule', 'reason'])
  const evictedKeys = metrics.counter('thump_rule_keys_evicted_total', 'Keys that gave way at maxKeys', ['rule'])
  const evictedSeen = metrics.counter('thump_rule_seen_evicted_total', 'Seen event ids that gave way at their cap', [
    'rule',
  ])
  const cost = metrics.counter('thump_rule_cost_seconds_total', 'CPU time a rule took, by sampling', ['rule'])
  const fired = metrics.counter('thump_alerts_fired_total', 'Alerts opened', ['rule'])
  const lost = metrics.counter('thump_alerting_records_lost_total', 'Records the log no longer held', [
    'topic',
    'reason',
  ])
  const decision = metrics.histogram(
    'thump_alerting_decision_seconds',
    'From a batch to its decisions, committed',
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  )
  return {
    counts: {
      matched: (rule, count) => matches.inc({ rule }, count),
      late: (rule) => late.inc({ rule }),
      skipped: (rule, reason) => skipped.inc({ rule, reason }),
      evicted: (rule, what) => (what === 'key' ? evictedKeys : evictedSeen).inc({ rule }),
      cost: (rule, seconds) => cost.inc({ rule }, seconds),
      invalid: (reason) => invalid.inc({ reason }),
      ahead: () => ahead.inc(),
      longText: () => longText.inc(),
    },
    taken: (topic, records) => read.inc({ topic }, records),
    gap({ topic, partition, from, to, reason }) {
      // A log that begins anew goes back: how many records it lost nobody knows.
      lost.inc({ topic, reason }, Math.max(0, to - from))
      log.error({ topic, partition, from, to, reason }, 'records are gone from the log unread: alerts may be missing')
    },
    fired: (rule) => fired.inc({ rule }),
    commitFailed(err, attempt) {
      if (attempt === 1) log.error({ err }, 'state cannot be written: reading waits')
    },
    committed: (attempts) => log.info({ attempts }, 'state is written again'),
    decisionSeconds: decision,
  }
}
