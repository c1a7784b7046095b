import type { ManagementAccount } from '../../broker/management.ts'
import { addSample, coverageOf, type CoverageSample, lostBetween } from './coverage.ts'
import { createNodeCounters } from './node-counters.ts'
import type { TraceBindings } from './queue.ts'
import type { Tally } from './tally.ts'
import type { VhostView } from './watcher.ts'

export interface MeterDeps {
  readonly account: ManagementAccount
  readonly vhost: string
  readonly bindings: TraceBindings
  readonly tally: Tally
}

/** All but `ratio` since the agent's start. */
export interface Measured {
  /** Publishes and deliveries by the node's counters. */
  readonly happened: number
  /** Those of them while no trace queue stood. */
  readonly unwatched: number
  /** The broker's drops: an estimate. */
  readonly lost: number
  /** Captured of what happened, of the last five minutes. */
  readonly ratio: number | undefined
  /** Why nothing can be measured; undefined where it can. */
  readonly unknown: string | undefined
}

/** What stands around one look at the counters. */
export interface Surroundings {
  readonly atMs: number
  /** Does the trace queue stand? */
  readonly isConsuming: boolean
  readonly isClustered: boolean
  readonly view: VhostView | undefined
}

/**
 * Sets what one vhost's firehose captured against what the node counted. Where the node's metrics cannot be read, the
 * management API's counters serve, as far as they can: they are the cluster's, of a whole vhost, and seconds late.
 */
export function createCoverageMeter({ account, vhost, bindings, tally }: MeterDeps) {
  const counters = createNodeCounters(account, vhost, bindings)
  const spare = createVhostCounters(bindings, tally)
  let happened = 0
  let watched = 0
  let wasConsuming = false
  let samples: readonly CoverageSample[] = []
  let first: CoverageSample | undefined
  let unknown: string | undefined = 'nothing measured yet'
  let hasMetrics = false

  const added = async (around: Surroundings, signal: AbortSignal): Promise<number | undefined> => {
    try {
      const sum = await counters.added(around.atMs, signal)
      unknown = undefined
      hasMetrics = true
      return sum
    } catch (cause) {
      // Metrics that were there come back, and then tell of the time between, too.
      unknown = hasMetrics ? "the node's metrics do not answer" : spare.refusal(around)
      if (unknown === undefined) return spare.added(around.view)
      throw cause
    }
  }
  return {
    /** One look. Throws for want of an answer; `measured` then says why. */
    async look(around: Surroundings, signal: AbortSignal): Promise<void> {
      const more = await added(around, signal)
      const { waiting, capturedCounted: captured } = tally
      const received = tally.received - tally.own - tally.uncounted
      // A queue that went in between was there for a part of the time: what it lost counts as lost.
      const isWatched = wasConsuming || around.isConsuming
      if (more === undefined && samples.length > 0) return
      wasConsuming = around.isConsuming
      happened += more ?? 0
      if (isWatched) watched += more ?? 0
      const sample = { atMs: around.atMs, happened, watched, received, waiting, captured }
      first ??= sample
      samples = addSample(samples, sample)
    },
    measured(): Measured {
      const ratio = unknown === undefined ? coverageOf(samples) : undefined
      const last = samples.at(-1)
      const lost = first && last && lostBetween(first, last)
      return { happened, unwatched: happened - watched, lost: lost ?? 0, ratio, unknown }
    },
  }
}
export type CoverageMeter = ReturnType<typeof createCoverageMeter>

/** By the management API. */
function createVhostCounters(bindings: TraceBindings, tally: Tally) {
  const isWhole = (patterns: readonly string[]) => patterns.length === 0 || patterns.includes('#')
  let before: number | undefined
  return {
    refusal({ isClustered, view }: Surroundings): string | undefined {
      const advice = 'enable rabbitmq_prometheus on the node'
      if (isClustered) return `a cluster's nodes are counted apart only by their metrics: ${advice}`
      if (!isWhole(bindings.publish) || !isWhole(bindings.deliver))
        return `single exchanges and queues are counted only by the node's metrics: ${advice}`
      return view ? undefined : 'the management API does not answer'
    },
    added(view: VhostView | undefined): number | undefined {
      if (!view) return undefined
      const { received, own } = tally
      const published = bindings.publish.length > 0 ? view.published : 0
      // Each trace given to us was itself a delivery, of our own queue; so was each event that a trace tells of.
      const delivered = bindings.deliver.length > 0 ? view.delivered - received - own : 0
      const now = published + delivered
      const sum = before === undefined || now < before ? undefined : now - before
      before = now
      return sum
    },
  }
}
