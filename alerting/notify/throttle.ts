import type { StateDatabase } from '../state/database.ts'
import type { AlertRecord } from '../transition.ts'

type Throttle = NonNullable<AlertRecord['throttle']>

export interface ThrottleState {
  /** The last confirmed delivery of an episode's start. */
  readonly lastMs: number
  readonly waitMs: number
}

/** Until when the next episode of the same rule and key is held; undefined where it may be told now. */
export function throttledUntil(state: ThrottleState | undefined, nowMs: number): number | undefined {
  // A clock that went back must not hold anything for longer than the wait itself.
  if (!state || nowMs >= state.lastMs + state.waitMs || nowMs < state.lastMs) return undefined
  return state.lastMs + state.waitMs
}

/** The wait doubles with each episode told, and starts anew after twice its length without one. */
export function afterTelling(throttle: Throttle, state: ThrottleState | undefined, nowMs: number): ThrottleState {
  if (!state || nowMs >= state.lastMs + 2 * state.waitMs) return { lastMs: nowMs, waitMs: throttle.firstMs }
  return { lastMs: nowMs, waitMs: Math.min(throttle.doubleUntilMs, state.waitMs * 2) }
}

export function readThrottle(db: StateDatabase, channel: string, thread: string): ThrottleState | undefined {
  const row = db
    .prepare('SELECT last_ms, wait_ms FROM notify_throttles WHERE channel = ? AND thread = ?')
    .get(channel, thread) as { last_ms: number; wait_ms: number } | undefined
  return row && { lastMs: row.last_ms, waitMs: row.wait_ms }
}

export function writeThrottle(
  db: StateDatabase,
  channel: string,
  thread: string,
  { lastMs, waitMs }: ThrottleState,
): void {
  db.prepare(
    `INSERT INTO notify_throttles VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET last_ms = excluded.last_ms, wait_ms = excluded.wait_ms`,
  ).run(channel, thread, lastMs, waitMs)
}
