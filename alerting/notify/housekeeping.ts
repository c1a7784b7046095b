import type { StateDatabase } from '../state/database.ts'

const everyMs = 60_000
const keptMs = 7 * 86_400_000
const chunk = 2000

/** Forgets what no one needs: trimmed transitions, settled deliveries after a week unless their alert still fires. */
export function createHousekeeping(
  db: StateDatabase,
  { trim }: { readonly trim: () => void },
  notices: { tick(nowMs: number): void },
) {
  let nextMs = 0
  return {
    tick(nowMs: number): void {
      if (nowMs < nextMs && nextMs - nowMs <= everyMs) return
      nextMs = nowMs + everyMs
      notices.tick(nowMs)
      const before = nowMs - keptMs
      db.transaction(() => {
        trim()
        db.prepare(
          `DELETE FROM notify_deliveries WHERE id IN (SELECT d.id FROM notify_deliveries d
             LEFT JOIN notify_alerts a ON a.id = d.alert_id
             WHERE d.settled_ms < ? AND COALESCE(a.state, '') != 'firing' LIMIT ${chunk})`,
        ).run(before)
        db.prepare(
          `DELETE FROM notify_alerts WHERE id IN (SELECT id FROM notify_alerts a WHERE state != 'firing' AND updated_ms < ?
             AND NOT EXISTS (SELECT 1 FROM notify_deliveries WHERE alert_id = a.id) LIMIT ${chunk})`,
        ).run(before)
        db.prepare('DELETE FROM notify_told WHERE last_ms < ? AND alert_id NOT IN (SELECT id FROM notify_alerts)').run(
          before,
        )
        db.prepare('DELETE FROM notify_throttles WHERE last_ms + 2 * wait_ms < ?').run(nowMs)
        db.prepare('DELETE FROM silences WHERE ends_ms < ?').run(before)
      })
    },
  }
}
