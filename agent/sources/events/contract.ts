import type { ThumpEvent } from '../../../event/event.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import type { AmqpOptions } from '../../broker/connection.ts'
import type { KeepUp } from '../../correlate/keep-up.ts'
import type { Emit, Identity } from '../../source.ts'

export interface EventsDeps {
  readonly amqp: AmqpOptions
  readonly events: { readonly vhost: string; readonly queue: string; readonly maxLength: number }
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
  /** Adds what is known about the doer before the event leaves; the event may be changed in place. */
  readonly attribute?: (event: ThumpEvent, isAgain: boolean) => void
  readonly keepUp?: KeepUp
  /** How many nodes the cluster has; undefined where nobody can say. More than one: the queue is a quorum queue. */
  readonly countNodes?: (signal: AbortSignal) => Promise<number | undefined>
  readonly probeEveryMs?: number
  /** How long a probe waits for its events. */
  readonly probeLimitMs?: number
  /** How long what was read may wait for the transport before it goes back to the queue; default five minutes. */
  readonly holdLimitMs?: number
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
}
