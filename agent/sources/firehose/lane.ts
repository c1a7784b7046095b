import type { CoverageMeter } from './coverage-meter.ts'
import type { Tally } from './tally.ts'

/** One vhost of the firehose: what it counts, and how it fares. */
export interface Lane {
  readonly vhost: string
  readonly tally: Tally
  /** Absent where nobody answers for the broker's counters. */
  readonly meter: CoverageMeter | undefined
  /** Why nothing is consumed; undefined while it is. */
  detail: string | undefined
  /** As last seen; undefined before the first look, and where the vhost is not shown to us. */
  isTracing: boolean | undefined
  /** When tracing was last seen on. */
  lastOnMs: number | undefined
  /** Since when tracing is seen off without a word of the node's age, which would say why. */
  unsureSinceMs: number | undefined
  /** The trace queue lets one node's traces through, for there are others. */
  isClustered: boolean
  /** Somebody else had switched it on: then it is not ours to switch off when we leave. */
  wasFoundOn: boolean
  /** We switched it off for the broker's safety. */
  isOffByUs: boolean
  /** What was handed to the transport and is not durable yet: the next session waits for it. */
  handedOn: Promise<void>
}

export function createLane(vhost: string, meterOf: (tally: Tally) => CoverageMeter | undefined): Lane {
  const tally = { received: 0, own: 0, uncounted: 0, captured: 0, capturedCounted: 0, dropped: 0, waiting: 0 }
  return {
    vhost,
    tally,
    meter: meterOf(tally),
    detail: 'connecting',
    isTracing: undefined,
    lastOnMs: undefined,
    unsureSinceMs: undefined,
    isClustered: false,
    wasFoundOn: false,
    isOffByUs: false,
    handedOn: Promise.resolve(),
  }
}
