import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import type { Diagnosis } from './diagnosis.ts'
import type { Opened } from './move.ts'

export type EventsTelemetry = ReturnType<typeof createEventsTelemetry>

/** Log lines and counters of the event source, in one place; one failure is told once, then "recovered" with a count. */
export function createEventsTelemetry(deps: { log: Logger; metrics: Metrics }) {
  const log = deps.log.child({ component: 'agent.events' })
  const read = deps.metrics.counter<'source'>('thump_events_read_total', 'Events read', ['source'])
  const dropped = deps.metrics.counter<'source' | 'reason'>('thump_events_dropped_total', 'Events dropped by reason', [
    'source',
    'reason',
  ])
  let told: Diagnosis['reason'] | undefined
  let failures = 0
  return {
    opened: (kind: Opened['kind'], queue: string) => {
      if (kind === 'draining') log.warn({ queue }, 'the event queue has other arguments: it is emptied, then made anew')
      if (kind === 'differs') log.warn({ queue }, 'the event queue has other arguments, and is read as it is')
    },
    doubtful: (detail: string) => log.warn({ detail }, 'events of this node do not arrive'),
    read: () => read.inc({ source: 'events' }),
    dropped: (reason: string) => dropped.inc({ source: 'events', reason }),
    consuming: () => {
      log.info(
        { ...(failures > 0 && { failures }) },
        failures > 0 ? 'event exchange recovered' : 'consuming the event exchange',
      )
      told = undefined
      failures = 0
    },
    failed: (err: unknown, { reason, detail }: Diagnosis) => {
      failures++
      if (told === reason) return
      told = reason
      log.warn({ err, reason, detail }, 'event exchange not readable')
    },
  }
}
