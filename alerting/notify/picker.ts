import type { StateDatabase } from '../state/database.ts'
import type { Deliveries, Delivery, Storms } from './deliveries.ts'
import type { Lane } from './lane-names.ts'
import type { Lanes } from './lanes.ts'
import type { Limits } from './limits.ts'
import type { Sift } from './sift.ts'
import type { StormBreaker } from './storm.ts'
import { TokenBucket } from './token-bucket.ts'

export interface PickerDeps {
  readonly db: StateDatabase
  readonly channel: string
  readonly limits: Limits
  readonly deliveries: Deliveries
  readonly lanes: Lanes
  readonly sift: Sift
  readonly storms: StormBreaker
  readonly laneFor: (delivery: Delivery) => Lane | undefined
  readonly monotonicMs: number
}

type Picked = { readonly kind: 'send'; readonly delivery: Delivery } | { readonly kind: 'wait'; readonly ms: number }

const critical = 3
const candidates = 200
const hourMs = 3_600_000
/** Beyond the hourly cap: soon the first digest, then one each five minutes. */
const capLane: Lane = { name: 'cap', waitMs: 10_000, everyMs: 300_000, maxItems: 10 }

/** Chooses what a channel sends next: gates, lanes, order within a rule and key, rate and cap. */
export class Picker {
  readonly #deps: PickerDeps
  /** Critical alerts have a bucket of their own: they pass the cap and the rate of lower ones. */
  readonly #buckets: Readonly<Record<'critical' | 'other', TokenBucket>>
  readonly #resting = new Map<number, number>()

  constructor(deps: PickerDeps) {
    this.#deps = deps
    const bucket = () => new TokenBucket(deps.limits.rate, deps.limits.burst, deps.monotonicMs)
    this.#buckets = { critical: bucket(), other: bucket() }
  }

  async pick(nowMs: number, monotonicMs: number): Promise<Picked> {
    const { db, storms } = this.#deps
    const stormy = await storms.settle(nowMs)
    return db.transaction(() => this.#choose(stormy, nowMs, monotonicMs))
  }

  #choose(stormy: Storms, nowMs: number, monotonicMs: number): Picked {
    const { deliveries, channel } = this.#deps
    let waitMs = Number.POSITIVE_INFINITY
    let moved = 0
    for (const row of deliveries.pending(channel, candidates, stormy)) {
      const restMs = (this.#resting.get(row.id) ?? 0) - monotonicMs
      if (restMs > 0) waitMs = Math.min(waitMs, restMs)
      if (restMs > 0 || deliveries.isBlocked(row)) continue
      // One that was moved may have taken others with it, or left them its count.
      const delivery = moved > 0 ? deliveries.findPending(row.id) : row
      if (!delivery) continue
      if (!this.#mayPass(delivery, nowMs)) {
        moved++
        continue
      }
      const bucketMs = this.#bucketOf(delivery).waitMs(monotonicMs)
      if (bucketMs === 0) return { kind: 'send', delivery }
      waitMs = Math.min(waitMs, bucketMs)
    }
    // What was moved has made room to look further.
    return { kind: 'wait', ms: moved > 0 ? 0 : waitMs }
  }

  /** Counts against the rate. */
  sent(delivery: Delivery, monotonicMs: number): void {
    this.#bucketOf(delivery).take(monotonicMs)
    this.#resting.delete(delivery.id)
  }

  /** Not before this instant again. */
  rest({ id }: Delivery, untilMonotonicMs: number): void {
    this.#resting.set(id, untilMonotonicMs)
  }

  /** The channel works again: what rested only because of it need not rest for long. */
  forgive(monotonicMs: number): void {
    for (const [id, until] of this.#resting) this.#resting.set(id, Math.min(until, monotonicMs + 2000))
  }

  #bucketOf({ rank }: Delivery): TokenBucket {
    return this.#buckets[rank === critical ? 'critical' : 'other']
  }

  /** True where it may be sent now; else it has been held, dropped, merged or put into a lane. */
  #mayPass(delivery: Delivery, nowMs: number): boolean {
    const { lanes, laneFor, sift } = this.#deps
    if (delivery.kind === 'digest' || delivery.hold === 'flushed') return true
    if (sift(delivery, nowMs) === 'moved') return false
    if (lanes.join(delivery)) return false
    const lane = delivery.lane === null ? undefined : laneFor(delivery)
    if (lane) lanes.enter(delivery, lane, nowMs)
    else if (this.#isCapped(delivery, nowMs)) lanes.enter(delivery, capLane, nowMs)
    else return true
    return false
  }

  #isCapped({ rank }: Delivery, nowMs: number): boolean {
    const { db, limits, channel } = this.#deps
    if (limits.perHour === undefined) return false
    const { sent } = db
      .prepare(
        `SELECT COUNT(*) AS sent FROM notify_deliveries WHERE channel = ? AND settled_ms > ? AND state = 'done'
           AND batch IS NULL AND kind != 'digest' AND (rank = ${critical}) = ?`,
      )
      .get(channel, nowMs - hourMs, rank === critical ? 1 : 0) as { sent: number }
    return sent >= limits.perHour
  }
}
