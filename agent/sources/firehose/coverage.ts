import type { TraceBindings } from './queue.ts'

/** Both sides of the comparison at one moment; all are counters that only grow. */
export interface CoverageSample {
  readonly atMs: number
  /** Handed to the transport. */
  readonly captured: number
  /** Trace messages given to us, whatever we did with them. */
  readonly received: number
  /** Those of them that tell of Thump's own queues. */
  readonly own: number
  readonly published: number
  /** Deliveries by the broker's counters, those of our own trace queue among them. */
  readonly delivered: number
}

export interface Coverage {
  readonly ratio: number
  /** The broker tells no one what it dropped: this is an estimate. */
  readonly lost: number
}

const windowMs = 5 * 60_000
/** The broker's counters lag by seconds: of too few messages nothing can be said. */
const fewest = 20

/** Adds a sample; forgets what is older than the window, and all where a counter went back (a restart). */
export function addSample(samples: readonly CoverageSample[], next: CoverageSample): CoverageSample[] {
  const last = samples.at(-1)
  if (last && (next.published < last.published || next.delivered < last.delivered)) return [next]
  return [...samples.filter(({ atMs }) => next.atMs - atMs <= windowMs), next]
}

/** Over the window: captured of what the broker counted for the same bindings; undefined where too little happened. */
export function coverageOf(samples: readonly CoverageSample[], bindings: TraceBindings): Coverage | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (!first || !last || first === last) return undefined
  const received = last.received - first.received
  const own = last.own - first.own
  let expected = 0
  if (bindings.publish.length > 0) expected += last.published - first.published
  // Each trace we were given was itself a delivery, of our own queue.
  if (bindings.deliver.length > 0)
    expected += last.delivered - first.delivered - (bindings.deliver.includes('#') ? received + own : 0)
  if (expected < fewest) return undefined
  const captured = last.captured - first.captured
  return { ratio: Math.min(1, captured / expected), lost: Math.max(0, expected - (received - own)) }
}
