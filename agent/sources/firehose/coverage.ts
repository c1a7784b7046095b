/** Both sides of the comparison at one moment; all only grow. */
export interface CoverageSample {
  readonly atMs: number
  /** Publishes and deliveries by the node's own counters, for the same bindings; Thump's own queues left out. */
  readonly happened: number
  /** Those of them while the trace queue stood. */
  readonly watched: number
  /** Traces given to us, whatever we did with them; Thump's own, and those that nobody counts, left out. */
  readonly received: number
  /** Traces that wait in the trace queue: the broker has not dropped them. */
  readonly waiting: number
  /** Durable in the transport. */
  readonly captured: number
}

const windowMs = 5 * 60_000
/** Of too few messages nothing can be said. */
const fewest = 20

/** Adds a sample, and forgets what is older than the window. */
export function addSample(samples: readonly CoverageSample[], next: CoverageSample): CoverageSample[] {
  return [...samples.filter(({ atMs }) => next.atMs - atMs <= windowMs), next]
}

/** Captured of what happened over the window, 0 to 1; undefined where too little happened. */
export function coverageOf(samples: readonly CoverageSample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (!first || !last) return undefined
  const happened = last.happened - first.happened
  if (happened < fewest) return undefined
  return Math.min(1, (last.captured - first.captured) / happened)
}

/** What the broker dropped, which it tells no one: watched, but neither given to us nor waiting. */
export function lostBetween(first: CoverageSample, last: CoverageSample): number {
  const watched = last.watched - first.watched
  return Math.max(0, watched - (last.received - first.received) - (last.waiting - first.waiting))
}
