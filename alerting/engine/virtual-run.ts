import type { TopicName } from '../../event/topics.ts'
import type { Rule } from '../rules/rule.ts'
import type { NewTransition } from './changes.ts'
import { createEngine, type Engine } from './engine.ts'
import type { EngineOptions } from './engine-io.ts'

/** An event of a run on a virtual clock; it arrives at its own time. */
export interface VirtualEvent {
  readonly atMs: number
  readonly topic: TopicName
  readonly event: Readonly<Record<string, unknown>>
}

export interface VirtualRun {
  readonly rules: readonly Rule[]
  readonly startMs: number
  readonly events: readonly VirtualEvent[]
  /** Transitions up to here, in event time, are answered. */
  readonly untilMs: number
  readonly allowedLatenessMs: number
}

const topics: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']
const silent: EngineOptions['counts'] = {
  matched: () => {},
  late: () => {},
  skipped: () => {},
  evicted: () => {},
  invalid: () => {},
  ahead: () => {},
}
/** A partition counts as idle after this long. */
const idleMs = 5000

/** The same engine as in production, fed from a list, on a clock that jumps from event to event. */
export function runVirtually({ rules, startMs, events, untilMs, allowedLatenessMs }: VirtualRun): NewTransition[] {
  const engine = createEngine({ allowedLatenessMs, maxEventAgeMs: Number.POSITIVE_INFINITY, counts: silent })
  engine.start(rules, undefined, startMs)
  for (const topic of topics) engine.assign(topic, 0)
  const found: NewTransition[] = []
  let nowMs = startMs
  const pass = (toMs: number) => {
    // Small steps: rules that watch rules must see what these decide in its order.
    const stepMs = Math.max(1000, (toMs - nowMs) / 200)
    for (let atMs = nowMs; atMs < toMs; atMs = Math.min(toMs, atMs + stepMs)) tick(engine, atMs)
    tick(engine, toMs)
    nowMs = toMs
    found.push(...engine.changes().transitions)
  }
  events
    .toSorted((a, b) => a.atMs - b.atMs)
    .forEach(({ atMs, topic, event }, offset) => {
      // Up to the event's own instant, which it is part of.
      if (atMs - 1 > nowMs) pass(atMs - 1)
      nowMs = Math.max(nowMs, atMs)
      const value = Buffer.from(JSON.stringify(stamped(event, atMs, offset)))
      engine.take(
        { topic, partition: 0, records: [{ offset, timestampMs: atMs, value }], highWatermark: offset + 1 },
        nowMs,
      )
      found.push(...engine.changes().transitions)
    })
  const latenessMs = Math.max(allowedLatenessMs, ...rules.map((rule) => rule.latenessMs))
  pass(Math.max(nowMs, untilMs) + latenessMs + 2 * idleMs)
  return found.filter(({ atMs }) => atMs <= untilMs)
}

function tick(engine: Engine, atMs: number): void {
  for (const topic of topics) engine.caughtUp(topic, 0, atMs)
  engine.settle(atMs)
}

/** With a time and an id, where the event has none of its own. */
function stamped(event: Readonly<Record<string, unknown>>, atMs: number, index: number): Record<string, unknown> {
  const given = typeof event['event'] === 'object' ? event['event'] : {}
  return {
    ...event,
    '@timestamp': event['@timestamp'] ?? new Date(atMs).toISOString(),
    event: { id: event['event.id'] ?? `virtual-${index}`, ...given },
  }
}
