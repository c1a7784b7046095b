import type { Clock } from '../../runtime/clock.ts'
import type { StateDatabase } from '../state/database.ts'
import type { AlertRecord } from '../transition.ts'
import { resendNote } from './deliveries.ts'
import { threadOf } from './thread.ts'

export interface Ack {
  readonly atMs: number
  readonly by: string
  readonly comment: string
}

/** One thing told, or to be told, of an alert. */
export interface Telling {
  readonly channel: string
  readonly kind: string
  readonly state: string
  readonly attempts: number
  readonly detail?: string
  readonly createdMs: number
  readonly settledMs?: number
}

/** Acknowledgements, durable: somebody has taken it, so nobody is reminded and nothing escalates. */
export function createAcks(db: StateDatabase, now: Clock) {
  /** The notifier may not have seen its first transition yet. */
  const known = (alert: AlertRecord) =>
    db
      .prepare('INSERT OR IGNORE INTO notify_alerts (id, rule, thread, state, updated_ms) VALUES (?, ?, ?, ?, ?)')
      .run(alert.id, alert.ruleId, threadOf(alert), alert.state, now())
  return {
    /** A second one replaces the first. */
    ack: (alert: AlertRecord, by: string, comment = ''): void =>
      db.transaction(() => {
        known(alert)
        db.prepare('UPDATE notify_alerts SET acked_ms = ?, acked_by = ?, ack_comment = ? WHERE id = ?').run(
          now(),
          by,
          comment,
          alert.id,
        )
        db.prepare('UPDATE notify_told SET repeat_at = NULL WHERE alert_id = ? AND resend_ms IS NULL').run(alert.id)
        db.prepare(
          `UPDATE notify_deliveries SET state = 'dropped', outcome = 'acked', settled_ms = ?
             WHERE alert_id = ? AND kind IN ('repeat', 'escalation') AND note IS NOT ?
             AND state IN ('pending', 'held', 'laned')`,
        ).run(now(), alert.id, resendNote)
      }),
    /** Who ends it by hand: its end says so. */
    closing(alert: AlertRecord, by: string, comment: string): void {
      known(alert)
      const note = `ended by ${by}${comment === '' ? '' : `: ${comment}`}`
      db.prepare('UPDATE notify_alerts SET close_note = ? WHERE id = ?').run(note, alert.id)
    },
    /** Who has taken it. */
    of(alertId: string): Ack | undefined {
      const row = db
        .prepare('SELECT acked_ms, acked_by, ack_comment FROM notify_alerts WHERE id = ? AND acked_ms IS NOT NULL')
        .get(alertId) as { acked_ms: number; acked_by: string; ack_comment: string } | undefined
      return row && { atMs: row.acked_ms, by: row.acked_by, comment: row.ack_comment }
    },
    /** Who was told what and when, oldest first. */
    tellings: (alertId: string): Telling[] =>
      (
        db
          .prepare(
            `SELECT channel, kind, state, attempts, detail, created_ms, settled_ms FROM notify_deliveries
               WHERE alert_id = ? AND kind != 'digest' ORDER BY id`,
          )
          .all(alertId) as Array<Record<string, string | number | null>>
      ).map((row) => ({
        channel: String(row['channel']),
        kind: String(row['kind']),
        state: String(row['state']),
        attempts: Number(row['attempts']),
        ...(row['detail'] !== null && { detail: String(row['detail']) }),
        createdMs: Number(row['created_ms']),
        ...(row['settled_ms'] !== null && { settledMs: Number(row['settled_ms']) }),
      })),
  }
}
