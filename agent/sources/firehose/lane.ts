import type { CoverageSample } from './coverage.ts'
import type { Tally } from './session.ts'

/** One vhost of the firehose: what it counts, and how it fares. */
export interface Lane {
  readonly vhost: string
  readonly tally: Tally
  samples: readonly CoverageSample[]
  /** Why nothing is consumed; undefined while it is. */
  detail: string | undefined
  /** As last seen; undefined before the first look. */
  isTracing: boolean | undefined
  /** Somebody else had switched it on: then it is not ours to switch off when we leave. */
  wasFoundOn: boolean
}

export function createLane(vhost: string): Lane {
  return {
    vhost,
    tally: { received: 0, own: 0, captured: 0, fill: 0 },
    samples: [],
    detail: 'connecting',
    isTracing: undefined,
    wasFoundOn: false,
  }
}
