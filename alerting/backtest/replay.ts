import type { TopicName } from '../../event/topics.ts'
import type { NewTransition } from '../engine/changes.ts'
import type { EngineOptions } from '../engine/engine-io.ts'
import { createEngine, type Engine } from '../engine/engine.ts'
import type { Rule } from '../rules/rule.ts'
import type { RecordedEvent } from './recorded.ts'

export interface ReplayDeps {
  readonly rules: readonly Rule[]
  readonly startMs: number
  /** Nothing is later than this, whatever an event says of its time. */
  readonly nowMs: number
  readonly allowedLatenessMs: number
  readonly counts: EngineOptions['counts']
  readonly onTransition: (transition: NewTransition) => void
}

const topics: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']
/** A chunk ends here: what time alone decides is decided in its order, not a day late. */
const chunkEvents = 512
const chunkSpanMs = 30_000
const quietStepMs = 5000
const drainEvents = 20_000
/** Idle partitions follow the clock after five seconds; twice that is certain. */
const idleMs = 10_000

/** The engine as in production, fed from the past: events arrive at their own time, on a clock that jumps from chunk to chunk. */
export class Replay {
  readonly #deps: ReplayDeps
  readonly #engine: Engine
  readonly #offsets = new Map<TopicName, number>()
  readonly #hasComposites: boolean
  #nowMs: number
  #taken = 0
  #untilMs = Number.POSITIVE_INFINITY

  constructor(deps: ReplayDeps) {
    this.#deps = deps
    this.#engine = createEngine({
      allowedLatenessMs: deps.allowedLatenessMs,
      maxEventAgeMs: Number.POSITIVE_INFINITY,
      counts: deps.counts,
    })
    this.#engine.start(deps.rules, undefined, deps.startMs)
    this.#nowMs = deps.startMs
    this.#hasComposites = deps.rules.some(({ spec }) => spec.kind === 'composite')
    for (const topic of topics) this.#engine.assign(topic, 0)
    this.#tick(deps.startMs)
  }

  take(events: readonly RecordedEvent[]): void {
    for (let from = 0; from < events.length; ) {
      const firstMs = this.#timeOf(events[from])
      let to = from
      let lastMs = firstMs
      while (to < events.length && to - from < chunkEvents) {
        const atMs = this.#timeOf(events[to])
        if (atMs - firstMs > chunkSpanMs) break
        if (atMs > lastMs) lastMs = atMs
        to++
      }
      this.#chunk(events.slice(from, to), firstMs, lastMs)
      from = to
    }
  }

  /** Time goes on to here; what happens later is not told. */
  finish(untilMs: number): void {
    this.#drain()
    this.#untilMs = untilMs
    const lateness = Math.max(this.#deps.allowedLatenessMs, ...this.#deps.rules.map(({ latenessMs }) => latenessMs))
    this.#pass(Math.max(this.#nowMs, untilMs) + lateness + idleMs)
    this.#drain()
  }

  #timeOf(event: RecordedEvent | undefined): number {
    return Math.min(event?.atMs ?? this.#nowMs, this.#deps.nowMs)
  }

  #chunk(events: readonly RecordedEvent[], firstMs: number, lastMs: number): void {
    // Up to the first event's own instant, which it is part of.
    if (firstMs - 1 > this.#nowMs) this.#pass(firstMs - 1)
    this.#nowMs = Math.max(this.#nowMs, lastMs)
    for (const topic of topics) {
      const own = events.filter((event) => event.topic === topic)
      if (own.length === 0) continue
      const first = this.#offsets.get(topic) ?? 0
      this.#offsets.set(topic, first + own.length)
      const records = own.map(({ atMs, value }, index) => ({
        offset: first + index,
        timestampMs: atMs ?? this.#nowMs,
        value,
      }))
      this.#engine.take({ topic, partition: 0, records, highWatermark: first + own.length }, this.#nowMs)
    }
    // What is handed over is written out as for the database: seldom, it costs more than the deciding.
    this.#taken += events.length
    if (this.#taken >= drainEvents) this.#drain()
  }

  #pass(toMs: number): void {
    const spanMs = toMs - this.#nowMs
    // Rules that watch rules must see what these decide in its order.
    const stepMs = this.#hasComposites ? Math.max(quietStepMs, spanMs / 200) : Math.max(quietStepMs, spanMs / 3)
    for (let atMs = this.#nowMs; atMs < toMs; atMs += stepMs) this.#tick(atMs)
    this.#tick(toMs)
    this.#nowMs = toMs
  }

  #tick(atMs: number): void {
    for (const topic of topics) this.#engine.caughtUp(topic, 0, atMs)
    this.#engine.settle(atMs)
  }

  #drain(): void {
    this.#taken = 0
    for (const transition of this.#engine.changes().transitions)
      if (transition.atMs <= this.#untilMs) this.#deps.onTransition(transition)
  }
}
