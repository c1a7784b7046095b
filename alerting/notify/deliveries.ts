import type { StateDatabase } from '../state/database.ts'
import type { NoticeKind } from './notice.ts'

export type DeliveryState = 'pending' | 'held' | 'laned' | 'batched' | 'done' | 'rejected' | 'dropped'

/** A row of `notify_deliveries`; see the schema for what its states mean. */
export interface Delivery {
  readonly id: number
  readonly channel: string
  readonly alert_id: string
  readonly rule: string
  /** Rule and key: what is told of it is told in order. */
  readonly thread: string
  readonly seq: number
  readonly kind: NoticeKind
  /** 0 info … 3 critical. */
  readonly rank: number
  readonly state: DeliveryState
  readonly hold: string | null
  readonly due_ms: number
  readonly lane: string | null
  readonly batch: number | null
  readonly route: number | null
  readonly is_plain: number
  /** Episodes held back before this one and told with it. */
  readonly episodes: number
  readonly attempts: number
  readonly progress: string | null
  readonly note: string | null
  readonly repeat_ms: number | null
  /** Of a digest: how many of its alerts it shows. */
  readonly max_items: number | null
  readonly fallback_at: number | null
  /** A Fallback as JSON, as the route had it when this was planned: routes may be reloaded. */
  readonly fallback: string | null
  readonly created_ms: number
}

export interface Fallback {
  readonly after: number
  readonly to: readonly string[]
}

export type NewDelivery = Pick<Delivery, 'channel' | 'alert_id' | 'rule' | 'thread' | 'seq' | 'kind' | 'rank'> &
  Partial<
    Pick<
      Delivery,
      | 'state'
      | 'hold'
      | 'due_ms'
      | 'lane'
      | 'route'
      | 'is_plain'
      | 'note'
      | 'fallback_at'
      | 'fallback'
      | 'repeat_ms'
      | 'max_items'
    >
  >

/** Marks a repeat that the medium wants, not the rule: an acknowledgement does not end it. */
export const resendNote = 'resend'

/** Which classes of a channel are in a storm: what is single of them waits for the next digest. */
export interface Storms {
  readonly critical: boolean
  readonly other: boolean
}

const isReleased = "state = 'pending' AND (kind = 'digest' OR hold = 'flushed')"

export const openStates = "('pending', 'held', 'laned', 'batched')"

/** The delivery records. Every change is one statement; callers group them in transactions. */
export function createDeliveries(db: StateDatabase) {
  const all = (sql: string, ...values: Array<string | number | null>) =>
    db.prepare(sql).all(...values) as unknown as Delivery[]
  return {
    add(delivery: NewDelivery, nowMs: number): number {
      const { channel, alert_id, rule, thread, seq, kind, rank } = delivery
      const { lastInsertRowid } = db
        .prepare(
          `INSERT INTO notify_deliveries (channel, alert_id, rule, thread, seq, kind, rank, state, hold, due_ms, lane,
             route, is_plain, note, fallback_at, fallback, repeat_ms, max_items, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          channel,
          alert_id,
          rule,
          thread,
          seq,
          kind,
          rank,
          delivery.state ?? 'pending',
          delivery.hold ?? null,
          delivery.due_ms ?? 0,
          delivery.lane ?? null,
          delivery.route ?? null,
          delivery.is_plain ?? 0,
          delivery.note ?? null,
          delivery.fallback_at ?? null,
          delivery.fallback ?? null,
          delivery.repeat_ms ?? null,
          delivery.max_items ?? null,
          nowMs,
        )
      return Number(lastInsertRowid)
    },
    /** The most urgent first, then the oldest; of a class that is in a storm only digests. */
    pending(channel: string, limit: number, { critical, other }: Storms): Delivery[] {
      const released = all(
        `SELECT * FROM notify_deliveries WHERE channel = ? AND ${isReleased} LIMIT ?`,
        channel,
        limit,
      )
      if (critical && other) return released
      const singles = all(
        `SELECT * FROM notify_deliveries WHERE channel = ? AND state = 'pending' AND kind != 'digest'
           AND hold IS NOT 'flushed' AND rank BETWEEN ? AND ? ORDER BY rank DESC, id LIMIT ?`,
        channel,
        other ? 3 : 0,
        critical ? 2 : 3,
        limit,
      )
      return [...released, ...singles].toSorted((a, b) => b.rank - a.rank || a.id - b.id)
    },
    /** Is something older of the same rule and key still to be told through this channel? */
    isBlocked: ({ channel, thread, id }: Delivery): boolean =>
      db
        .prepare(
          `SELECT 1 FROM notify_deliveries WHERE channel = ? AND thread = ? AND id < ? AND state IN ${openStates}
             AND state != 'laned' AND NOT (state = 'held' AND hold = 'escalate') LIMIT 1`,
        )
        .get(channel, thread, id) !== undefined,
    findPending: (id: number): Delivery | undefined =>
      all("SELECT * FROM notify_deliveries WHERE id = ? AND state = 'pending'", id)[0],
    /** What is still to be told of an alert, in one channel or in all, oldest first. */
    openOf: (alertId: string) =>
      all(`SELECT * FROM notify_deliveries WHERE alert_id = ? AND state IN ${openStates} ORDER BY id`, alertId),
    ofAlert: (alertId: string, channel: string) =>
      all('SELECT * FROM notify_deliveries WHERE alert_id = ? AND channel = ? ORDER BY id LIMIT 1', alertId, channel),
    openInThread: (channel: string, thread: string) =>
      all(
        `SELECT * FROM notify_deliveries WHERE channel = ? AND thread = ? AND state IN ${openStates} ORDER BY id`,
        channel,
        thread,
      ),
    /** Channels that were told, or are to be told, that this alert fires. */
    channelsOf: (alertId: string) =>
      db
        .prepare(
          `SELECT channel, MAX(route) AS route FROM notify_deliveries
             WHERE alert_id = ? AND kind IN ('firing', 'repeat', 'escalation', 'fallback')
             AND state IN ('pending', 'held', 'laned', 'batched', 'done')
             GROUP BY channel ORDER BY MIN(id)`,
        )
        .all(alertId) as Array<{ channel: string; route: number | null }>,
    hold({ id }: Delivery, hold: string, dueMs: number): void {
      db.prepare("UPDATE notify_deliveries SET state = 'held', hold = ?, due_ms = ? WHERE id = ?").run(
        hold,
        Math.min(dueMs, Number.MAX_SAFE_INTEGER),
        id,
      )
    },
    /** What was held for this reason is looked at again at once. */
    release: (hold: string): void => {
      db.prepare("UPDATE notify_deliveries SET due_ms = 0 WHERE state = 'held' AND hold = ?").run(hold)
    },
    wakeHeld: (nowMs: number): void => {
      db.prepare("UPDATE notify_deliveries SET state = 'pending' WHERE state = 'held' AND due_ms <= ?").run(nowMs)
    },
    settle(id: number, state: 'done' | 'rejected' | 'dropped', outcome: string, nowMs: number, detail = ''): void {
      db.prepare(
        `UPDATE notify_deliveries SET state = ?, outcome = ?, detail = ?, settled_ms = ?, fallback_at = NULL,
           attempts = attempts + ? WHERE id = ?`,
      ).run(state, outcome, detail, nowMs, state === 'dropped' ? 0 : 1, id)
    },
    failed(id: number, detail: string, progress: string | undefined): void {
      db.prepare(
        'UPDATE notify_deliveries SET attempts = attempts + 1, detail = ?, progress = COALESCE(?, progress) WHERE id = ?',
      ).run(detail, progress ?? null, id)
    },
    /** The next instant at which something held, repeated or handed on is due; undefined where nothing waits. */
    nextDueMs: (): number | undefined => {
      const row = db
        .prepare(
          `SELECT MIN(at) AS at FROM (
             SELECT MIN(due_ms) AS at FROM notify_deliveries WHERE state = 'held'
             UNION ALL SELECT MIN(fallback_at) FROM notify_deliveries WHERE fallback_at IS NOT NULL
             UNION ALL SELECT MIN(repeat_at) FROM notify_told WHERE repeat_at IS NOT NULL)`,
        )
        .get() as { at: number | null }
      return row.at ?? undefined
    },
    /** The oldest transition that something open still needs. */
    oldestNeededSeq: (): number | undefined => {
      const row = db.prepare(`SELECT MIN(seq) AS seq FROM notify_deliveries WHERE state IN ${openStates}`).get() as {
        seq: number | null
      }
      return row.seq ?? undefined
    },
  }
}

export type Deliveries = ReturnType<typeof createDeliveries>
