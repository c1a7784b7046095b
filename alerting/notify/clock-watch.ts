import type { StateDatabase } from '../state/database.ts'

/** Less is a clock that is disciplined, not set. */
const toleratedMs = 2000

/**
 * Notices a wall clock that was set back, and moves what counts from a deed (reminders, escalations, hand-overs) with it:
 * else they would come late by as much. What is meant as a time of day (silences, calendars) stays. A clock that leaps
 * ahead, or a machine that slept, moves nothing: better early than late.
 */
export function createClockWatch(db: StateDatabase, monotonic: () => number) {
  let last: { readonly wallMs: number; readonly monotonicMs: number } | undefined
  return {
    tick(nowMs: number): void {
      const monotonicMs = monotonic()
      const expectedMs = last ? last.wallMs + monotonicMs - last.monotonicMs : nowMs
      last = { wallMs: nowMs, monotonicMs }
      const backMs = expectedMs - nowMs
      if (backMs < toleratedMs) return
      db.transaction(() => {
        db.prepare('UPDATE notify_told SET repeat_at = repeat_at - ? WHERE repeat_at IS NOT NULL').run(backMs)
        db.prepare('UPDATE notify_deliveries SET fallback_at = fallback_at - ? WHERE fallback_at IS NOT NULL').run(
          backMs,
        )
        db.prepare(
          `UPDATE notify_deliveries SET due_ms = due_ms - ? WHERE state = 'held'
             AND hold IN ('inhibit-wait', 'escalate', 'throttle')`,
        ).run(backMs)
      })
    },
  }
}
