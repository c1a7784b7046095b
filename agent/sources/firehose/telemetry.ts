import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import type { Measured } from './coverage-meter.ts'
import { stopReasons, type StopReason } from './guard.ts'

export type DropReason = 'own' | 'malformed' | 'rate' | 'session-ended' | 'stopping'

/** Log lines and counters of the firehose, in one place; one failure is told once, then "recovered" with a count. */
export function createFirehoseTelemetry(deps: { log: Logger; metrics: Metrics }) {
  const { metrics } = deps
  const log = deps.log.child({ component: 'agent.firehose' })
  const read = metrics.counter('thump_events_read_total', 'Events read', ['source'])
  const dropped = metrics.counter('thump_events_dropped_total', 'Events dropped by reason', ['source', 'reason'])
  const coverage = metrics.gauge(
    'thump_firehose_coverage_ratio',
    "Traces captured, as a share of the publishes and deliveries in the node's own counters, over five minutes",
    ['vhost'],
  )
  const lost = metrics.gauge(
    'thump_firehose_broker_dropped_estimate',
    'Traces the broker is estimated to have dropped since the start; it does not tell',
    ['vhost'],
  )
  const happened = metrics.gauge(
    'thump_firehose_happened',
    "Publishes and deliveries since the start by the node's own counters, for the firehose's bindings",
    ['vhost'],
  )
  const unwatched = metrics.gauge(
    'thump_firehose_unwatched',
    'Those of them while no trace queue stood: stopped, or not connected',
    ['vhost'],
  )
  const open = metrics.gauge('thump_firehose_open', '1 while the firehose may run, 0 while it is stopped for safety')
  const stops = metrics.counter('thump_firehose_stops_total', 'Times the firehose was stopped for safety', ['reason'])
  for (const reason of stopReasons) stops.inc({ reason }, 0)
  open.set(1)
  const told = new Map<string, { detail: string; failures: number }>()
  return {
    log,
    read: (count: number) => read.inc({ source: 'firehose' }, count),
    dropped: (reason: DropReason, count = 1) => dropped.inc({ source: 'firehose', reason }, count),
    measured: (vhost: string, found: Measured) => {
      // Where nothing can be said, no value rather than an old one.
      if (found.ratio === undefined) coverage.remove({ vhost })
      else coverage.set({ vhost }, found.ratio)
      lost.set({ vhost }, found.lost)
      unwatched.set({ vhost }, found.unwatched)
      happened.set({ vhost }, found.happened)
    },
    stopped: (reason: StopReason, facts: object) => {
      open.set(0)
      stops.inc({ reason })
      log.warn({ reason, ...facts }, 'firehose stopped for safety')
    },
    opened: () => {
      open.set(1)
      log.info('firehose runs again')
    },
    consuming: (vhost: string) => {
      const { failures = 0 } = told.get(vhost) ?? {}
      told.delete(vhost)
      log.info(
        { vhost, ...(failures > 0 && { failures }) },
        failures > 0 ? 'firehose recovered' : 'consuming the firehose',
      )
    },
    failed: (vhost: string, err: unknown, detail: string) => {
      const before = told.get(vhost)
      told.set(vhost, { detail, failures: (before?.failures ?? 0) + 1 })
      if (before?.detail !== detail) log.warn({ err, vhost, detail }, 'firehose not readable')
    },
  }
}
export type FirehoseTelemetry = ReturnType<typeof createFirehoseTelemetry>
