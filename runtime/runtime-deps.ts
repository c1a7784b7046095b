import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'

/** What a transport or a storage is given of its process. */
export interface RuntimeDeps {
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
}
