import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import type { Journal } from '../journal.ts'
import type { StateDatabase } from '../state/database.ts'
import { type Deliveries, type Delivery, type Fallback, resendNote } from './deliveries.ts'
import { createGroups } from './groups.ts'
import type { Notice } from './notice.ts'
import { afterTelling, readThrottle, writeThrottle } from './throttle.ts'
import { spanOf } from './times.ts'

export interface SettlerDeps {
  readonly db: StateDatabase
  readonly deliveries: Deliveries
  readonly journal: Journal
  readonly config: () => AlertingConfig
}

/** What follows from an answer: each is one transaction, so that a crash leaves either all of it or none. */
export function createSettler({ db, deliveries, journal, config }: SettlerDeps) {
  const groups = createGroups(db)
  /** Repeats count from here: the confirmed delivery. */
  function told(
    { channel }: Delivery,
    members: string,
    value: number,
    ref: string | undefined,
    resendMs: number | null,
    nowMs: number,
  ): void {
    db.prepare(
      `INSERT INTO notify_told (alert_id, channel, last_ms, repeat_at, resend_ms, ref)
         SELECT d.alert_id, ?1, ?2, CASE WHEN MAX(a.state) = 'firing' AND (?3 IS NOT NULL OR MAX(a.acked_ms) IS NULL)
           THEN ?2 + COALESCE(?3, MAX(d.repeat_ms)) END, ?3, ?4
         FROM notify_deliveries d JOIN notify_alerts a ON a.id = d.alert_id
         WHERE d.${members} = ?5 AND d.kind != 'resolved' AND d.kind != 'digest' GROUP BY d.alert_id
       ON CONFLICT DO UPDATE SET last_ms = excluded.last_ms, repeat_at = excluded.repeat_at,
         resend_ms = excluded.resend_ms, ref = COALESCE(notify_told.ref, excluded.ref)`,
    ).run(channel, nowMs, resendMs, ref ?? null, value)
  }

  function throttle({ channel, thread, kind }: Delivery, notice: Notice, nowMs: number): void {
    const limits = notice.alerts[0].throttle
    if (kind !== 'firing' || !limits) return
    writeThrottle(db, channel, thread, afterTelling(limits, readThrottle(db, channel, thread), nowMs))
  }

  function fallback(delivery: Delivery, note: string, nowMs: number): void {
    const { alert_id, rule, thread, seq, rank, route } = delivery
    for (const channel of fallbackOf(delivery)?.to ?? []) {
      if (channel === delivery.channel || !Object.hasOwn(config().channels, channel)) continue
      deliveries.add({ channel, alert_id, rule, thread, seq, rank, kind: 'fallback', route, note }, nowMs)
    }
  }

  /** Who was told what, for the alert's history. */
  function record(delivery: Delivery, notice: Notice, outcome: 'notified' | 'rejected', detail: string): void {
    const { channel, kind, attempts, note } = delivery
    // A medium's own resends tell nobody anything new.
    if (note === resendNote) return
    const [alert] = notice.alerts
    const what = notice.digest ? `a digest of ${notice.digest.total} alerts` : `${kind} of ${alert.ruleId}`
    journal.write({
      action: `alert.${outcome}`,
      message: outcome === 'notified' ? `${what} told by ${channel}` : `${what} refused by ${channel}: ${detail}`,
      alert,
      notification: {
        id: notice.id,
        channel,
        kind,
        attempts: attempts + 1,
        ...(detail !== '' && { detail }),
        ...(notice.digest && { total: notice.digest.total }),
      },
    })
  }

  /** Waiting for its turn is not failing: something must have been tried in vain. */
  const isFailing = (channel: string): boolean =>
    db
      .prepare("SELECT 1 FROM notify_deliveries WHERE channel = ? AND state = 'pending' AND attempts > 0 LIMIT 1")
      .get(channel) !== undefined

  const settleBatch = (id: number, state: 'done' | 'rejected', nowMs: number) =>
    db
      .prepare(
        "UPDATE notify_deliveries SET state = ?, outcome = 'digest', settled_ms = ?, fallback_at = NULL WHERE batch = ?",
      )
      .run(state, nowMs, id)

  return {
    delivered(
      delivery: Delivery,
      notice: Notice,
      answer: { ref?: string; detail?: string },
      resendMs: number | null,
      nowMs: number,
    ): void {
      db.transaction(() => {
        deliveries.settle(delivery.id, 'done', 'delivered', nowMs, answer.detail)
        record(delivery, notice, 'notified', answer.detail ?? '')
        if (delivery.kind === 'digest') {
          told(delivery, 'batch', delivery.id, undefined, resendMs, nowMs)
          settleBatch(delivery.id, 'done', nowMs)
          groups.told(delivery, answer.ref, notice.group)
          return
        }
        if (delivery.kind !== 'resolved') told(delivery, 'id', delivery.id, answer.ref, resendMs, nowMs)
        throttle(delivery, notice, nowMs)
      })
    },
    rejected(delivery: Delivery, notice: Notice, detail: string, nowMs: number): void {
      db.transaction(() => {
        deliveries.settle(delivery.id, 'rejected', 'rejected', nowMs, detail)
        record(delivery, notice, 'rejected', detail)
        const note = `channel ${delivery.channel} has refused it: ${detail}`
        if (delivery.kind === 'digest') {
          const members = db.prepare('SELECT * FROM notify_deliveries WHERE batch = ? AND fallback_at IS NOT NULL')
          for (const member of members.all(delivery.id) as unknown as Delivery[]) fallback(member, note, nowMs)
          settleBatch(delivery.id, 'rejected', nowMs)
          return
        }
        if (delivery.kind === 'firing') fallback(delivery, note, nowMs)
        // Nobody was told by this channel that it fires: its end would be a riddle.
        for (const next of deliveries.openOf(delivery.alert_id)) {
          if (next.channel === delivery.channel && next.kind === 'resolved') {
            deliveries.settle(next.id, 'dropped', 'firing-never-told', nowMs)
          }
        }
      })
    },
    /** Hands on what has waited too long in a channel that fails. */
    handOn(nowMs: number): void {
      db.transaction(() => {
        const late = db
          .prepare('SELECT * FROM notify_deliveries WHERE fallback_at <= ?')
          .all(nowMs) as unknown as Delivery[]
        const failing = new Map<string, boolean>()
        for (const delivery of late) {
          const { id, channel, state } = delivery
          const afterMs = fallbackOf(delivery)?.after ?? 300_000
          if (!failing.has(channel)) failing.set(channel, isFailing(channel))
          const isHandedOn = failing.get(channel) === true && (state === 'pending' || state === 'batched')
          if (isHandedOn) fallback(delivery, `channel ${channel} has not taken it for ${spanOf(afterMs)}`, nowMs)
          db.prepare('UPDATE notify_deliveries SET fallback_at = ? WHERE id = ?').run(
            isHandedOn ? null : nowMs + afterMs,
            id,
          )
        }
      })
    },
    /** Reminders that are due; the next one counts from this one's confirmed delivery. */
    repeat(nowMs: number): void {
      db.transaction(() => {
        const due = db
          .prepare(
            `SELECT d.*, t.resend_ms FROM notify_told t JOIN notify_deliveries d ON d.id =
               (SELECT MAX(id) FROM notify_deliveries WHERE alert_id = t.alert_id AND channel = t.channel AND state = 'done')
             WHERE t.repeat_at <= ?`,
          )
          .all(nowMs) as unknown as Array<Delivery & { readonly resend_ms: number | null }>
        for (const { channel, alert_id, rule, thread, seq, rank, route, repeat_ms, is_plain, resend_ms } of due) {
          const note = resend_ms === null ? null : resendNote
          deliveries.add(
            { channel, alert_id, rule, thread, seq, rank, route, repeat_ms, is_plain, note, kind: 'repeat' },
            nowMs,
          )
        }
        db.prepare('UPDATE notify_told SET repeat_at = NULL WHERE repeat_at <= ?').run(nowMs)
      })
    },
  }
}

function fallbackOf({ fallback }: Delivery): Fallback | undefined {
  return fallback === null ? undefined : (JSON.parse(fallback) as Fallback)
}

export type Settler = ReturnType<typeof createSettler>
