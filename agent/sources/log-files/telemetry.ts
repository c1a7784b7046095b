import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import type { Json } from '../../../event/event.ts'
import type { Generation } from './generation.ts'

/** What the source has to say of itself besides metrics: becomes an event of dataset `thump.agent`. */
export interface Notice {
  readonly action: 'log.gap' | 'log.checkpoint' | 'log.unreadable'
  readonly message: string
  readonly fields: Readonly<Record<string, Json>>
}

export interface Telemetry {
  readonly truncated: (path: string) => void
  readonly generation: (path: string) => void
  readonly gap: (path: string, from: number, to: number, reason: GapReason) => void
  readonly longLines: (path: string, count: number) => void
  readonly nulBytes: (path: string, count: number) => void
  readonly invalidBytes: (path: string, count: number) => void
  readonly read: (count: number) => void
  /** The path's series end: names that come and go, such as one a day, must not add up. */
  readonly forget: (path: string) => void
  readonly notice: (notice: Notice) => void
}

/** Why bytes will never be read. */
export type GapReason = (typeof gapReasons)[number]
const gapReasons = ['truncated', 'deleted', 'held-bytes', 'unreadable-gzip'] as const

/** Metric, log line and self-event of one happening, together. */
export function createTelemetry(deps: {
  metrics: Metrics
  log: Logger
  notice: (notice: Notice) => void
  generations: () => Iterable<Generation>
  now: () => number
}): Telemetry {
  const { metrics, log, notice, generations, now } = deps
  const counter = (name: `thump_${string}`, help: string) => metrics.counter(name, help, ['path'])
  const truncations = counter('thump_log_truncations_total', 'Files truncated or rewritten in place')
  const made = counter('thump_log_generations_total', 'Contents seen for the first time')
  const gaps = metrics.counter('thump_log_gaps_total', 'Ranges of bytes that were lost for certain', ['path', 'reason'])
  const long = counter('thump_log_long_lines_total', 'Lines cut at the limit')
  const nul = counter('thump_log_nul_bytes_total', 'NUL bytes skipped')
  const invalid = counter('thump_log_invalid_bytes_total', 'Bytes that were not UTF-8, replaced')
  const events = metrics.counter('thump_events_read_total', 'Events read, by source', ['source'])
  const gauge = (name: `thump_${string}`, help: string, of: (generation: Generation) => number, isSum: boolean) =>
    metrics.gauge(name, help, ['path'], (metric) => {
      metric.reset()
      const values = new Map<string, number>()
      for (const generation of generations()) {
        const path = generation.saved.livePath
        if (generation.isOver || generation.saved.missingSinceMs !== undefined) continue
        const value = of(generation)
        const before = values.get(path)
        values.set(path, before === undefined ? value : isSum ? before + value : Math.max(before, value))
      }
      for (const [path, value] of values) metric.set({ path }, value)
    })
  const target = ({ saved, size }: Generation) => saved.unpacked ?? size
  gauge('thump_log_size_bytes', 'Size of the file and its partners still known', target, true)
  gauge('thump_log_read_bytes', 'Bytes read', ({ readTo }) => readTo, true)
  gauge('thump_log_acknowledged_bytes', 'Bytes the transport has acknowledged', ({ saved }) => saved.offset, true)
  gauge('thump_log_lag_bytes', 'Bytes not yet acknowledged', (one) => Math.max(0, target(one) - one.saved.offset), true)
  gauge(
    'thump_log_lag_seconds',
    'For how long the oldest unacknowledged bytes wait',
    (one) => (target(one) > one.saved.offset ? Math.max(0, (now() - one.grewAtMs) / 1000) : 0),
    false,
  )
  return {
    truncated: (path) => truncations.inc({ path }),
    generation: (path) => made.inc({ path }),
    gap(path, from, to, reason) {
      gaps.inc({ path, reason })
      log.warn({ path, from, to, reason }, 'log bytes lost')
      const message = `${to - from} bytes of ${path} were lost (${reason}): ${from} to ${to}`
      notice({ action: 'log.gap', message, fields: { path, from, to, reason } })
    },
    longLines: (path, count) => long.inc({ path }, count),
    nulBytes: (path, count) => nul.inc({ path }, count),
    invalidBytes: (path, count) => invalid.inc({ path }, count),
    forget(path) {
      for (const counter of [truncations, made, long, nul]) counter.remove({ path })
      for (const reason of gapReasons) gaps.remove({ path, reason })
    },
    read: (count) => events.inc({ source: 'log-files' }, count),
    notice,
  }
}
