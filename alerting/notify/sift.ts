import type { StateDatabase } from '../state/database.ts'
import { recordOf } from './compose.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import { forgetful, type Gate } from './gate.ts'
import type { Telemetry } from './telemetry.ts'

export interface SiftDeps {
  readonly db: StateDatabase
  readonly deliveries: Deliveries
  readonly gate: Gate
  readonly telemetry: Telemetry
}

/** What waited for so long came too late to be told by itself; what came and went in one batch did not. */
const waitedMs = 5000

/** Looks at one pending delivery: `passed` where it may go on, `moved` where it was held, dropped or merged instead. */
export type Sift = (delivery: Delivery, nowMs: number) => 'passed' | 'moved'

export function createSift({ db, deliveries, gate, telemetry }: SiftDeps): Sift {
  const drop = (delivery: Delivery, outcome: string, nowMs: number) => {
    deliveries.settle(delivery.id, 'dropped', outcome, nowMs)
    telemetry.count(delivery.channel, 'dropped')
  }

  const endOf = ({ alert_id, channel, id }: Delivery) =>
    deliveries.openOf(alert_id).find((next) => next.channel === channel && next.kind === 'resolved' && next.id > id)

  /** A firing that could not be told before its alert ended is told with its end, in one message. */
  function mergeWithEnd(delivery: Delivery, nowMs: number): boolean {
    const hasWaited = nowMs - delivery.created_ms > waitedMs
    const wasHeld = delivery.attempts > 0 || delivery.hold !== null || hasWaited
    if (!wasHeld || delivery.kind === 'resolved' || delivery.kind === 'digest' || !endOf(delivery)) return false
    drop(delivery, 'merged', nowMs)
    return true
  }

  /** What the throttle held of one rule and key is told once: the newest, with the number of the others. */
  function mergeEpisodes(delivery: Delivery, nowMs: number): boolean {
    if (delivery.hold !== 'throttle') return false
    const open = deliveries.openInThread(delivery.channel, delivery.thread)
    const newest = open.findLast(({ kind, id }) => kind === 'firing' && id > delivery.id)
    if (!newest) return false
    const earlier = open.filter(({ id, state }) => id < newest.id && (state === 'pending' || state === 'held'))
    const held = earlier.filter(({ kind }) => kind === 'firing')
    for (const { id } of earlier) deliveries.settle(id, 'dropped', 'merged', nowMs)
    const episodes = held.reduce((sum, each) => sum + each.episodes, 0) + held.length
    db.prepare("UPDATE notify_deliveries SET episodes = episodes + ?, hold = 'throttle' WHERE id = ?").run(
      episodes,
      newest.id,
    )
    return true
  }

  return (delivery, nowMs) => {
    const record = recordOf(db, delivery)
    // Composing will find nothing either, and settles it.
    if (!record) return 'passed'
    const verdict = gate.check(delivery, record, nowMs)
    if (verdict.kind === 'drop') {
      drop(delivery, verdict.reason, nowMs)
      return 'moved'
    }
    if (verdict.kind === 'hold') {
      const end = forgetful.has(verdict.reason) ? endOf(delivery) : undefined
      if (end) {
        drop(delivery, 'over-before-told', nowMs)
        drop(end, 'over-before-told', nowMs)
        return 'moved'
      }
      if (delivery.hold !== verdict.reason) telemetry.count(delivery.channel, 'held')
      deliveries.hold(delivery, verdict.reason, verdict.untilMs)
      return 'moved'
    }
    return mergeEpisodes(delivery, nowMs) || mergeWithEnd(delivery, nowMs) ? 'moved' : 'passed'
  }
}
