import type { StateDatabase } from '../state/database.ts'
import type { Delivery, Deliveries } from './deliveries.ts'
import { createGroups } from './groups.ts'
import type { Lane } from './lane-names.ts'

interface LaneRow {
  readonly channel: string
  readonly lane: string
  readonly max_items: number
}

/** When a lane is told: after its wait, not more often than its interval; old events when no more come, at the latest after it. */
const flushAt = `CASE lane WHEN 'catch-up' THEN MIN(latest_ms + wait_ms, first_ms + every_ms)
  ELSE MAX(first_ms + wait_ms, COALESCE(last_ms, 0) + every_ms) END`

const reasons: ReadonlyArray<readonly [RegExp, string]> = [
  [/^catch-up$/u, 'their events were old when they arrived'],
  [/^rule /u, 'the rule tells its alerts together'],
  [/^group /u, 'the route tells them together'],
  [/^storm$/u, 'they are more than the channel takes one by one'],
  [/^cap$/u, 'they are more than the channel takes in an hour'],
]

/** Deliveries that gather to be told in one message. */
export function createLanes(db: StateDatabase, deliveries: Deliveries) {
  const groups = createGroups(db)
  /** Makes one digest of members that are chosen by a condition; returns its id. */
  function gather(channel: string, name: string, maxItems: number, nowMs: number, members: Members): number {
    const { total, seq, rank, alert } = db
      .prepare(
        `SELECT COUNT(*) AS total, MIN(seq) AS seq, MAX(rank) AS rank, MIN(alert_id) AS alert
           FROM notify_deliveries WHERE channel = ? AND ${members.where}`,
      )
      .get(channel, ...members.values) as { total: number; seq: number; rank: number; alert: string }
    if (total === 0) return 0
    const note = reasons.find(([pattern]) => pattern.test(name))?.[1] ?? name
    const id = deliveries.add(
      {
        channel,
        alert_id: alert,
        rule: '',
        thread: `digest ${name}`,
        seq,
        kind: 'digest',
        rank,
        note,
        max_items: maxItems,
      },
      nowMs,
    )
    db.prepare(`UPDATE notify_deliveries SET state = 'batched', batch = ? WHERE channel = ? AND ${members.where}`).run(
      id,
      channel,
      ...members.values,
    )
    return id
  }

  function flush({ channel, lane, max_items }: LaneRow, nowMs: number): void {
    db.prepare('UPDATE notify_lanes SET first_ms = NULL, last_ms = ? WHERE channel = ? AND lane = ?').run(
      nowMs,
      channel,
      lane,
    )
    const members = { where: "state = 'laned' AND lane = ?", values: [lane] }
    const { threads, last } = db
      .prepare(
        `SELECT COUNT(DISTINCT thread) AS threads, MAX(id) AS last FROM notify_deliveries WHERE channel = ? AND ${members.where}`,
      )
      .get(channel, lane) as { threads: number; last: number | null }
    if (last === null) return
    // What comes to a group that has its message already is part of it, however little.
    if (threads > 1 || groups.isOpen(channel, lane)) {
      gather(channel, lane, max_items, nowMs, members)
      return
    }
    // One alert alone needs no digest: its last change says it all.
    db.prepare(
      `UPDATE notify_deliveries SET state = 'dropped', outcome = 'merged', settled_ms = ?
         WHERE channel = ? AND ${members.where} AND id < ?`,
    ).run(nowMs, channel, lane, last)
    db.prepare("UPDATE notify_deliveries SET state = 'pending', hold = 'flushed' WHERE id = ?").run(last)
  }

  return {
    gather,
    /** Puts one delivery into its lane. */
    enter({ id, channel }: Delivery, { name, waitMs, everyMs, maxItems }: Lane, nowMs: number): void {
      db.prepare(
        `INSERT INTO notify_lanes (channel, lane, first_ms, latest_ms, last_ms, wait_ms, every_ms, max_items)
           VALUES (?, ?, ?, ?, NULL, ?, ?, ?) ON CONFLICT DO UPDATE SET
           first_ms = COALESCE(first_ms, excluded.first_ms), latest_ms = excluded.latest_ms,
           wait_ms = excluded.wait_ms, every_ms = excluded.every_ms, max_items = excluded.max_items`,
      ).run(channel, name, nowMs, nowMs, waitMs, everyMs, maxItems)
      db.prepare("UPDATE notify_deliveries SET state = 'laned', lane = ? WHERE id = ?").run(name, id)
    },
    /** Joins something older of the same rule and key that still gathers: what follows it must not overtake it. */
    join({ id, channel, thread }: Delivery): boolean {
      const { changes } = db
        .prepare(
          `UPDATE notify_deliveries SET state = 'laned', lane = (SELECT lane FROM notify_deliveries
               WHERE channel = ?1 AND thread = ?2 AND id < ?3 AND state = 'laned' LIMIT 1)
             WHERE id = ?3 AND EXISTS (SELECT 1 FROM notify_deliveries
               WHERE channel = ?1 AND thread = ?2 AND id < ?3 AND state = 'laned')`,
        )
        .run(channel, thread, id)
      return Number(changes) > 0
    },
    /** Tells what has gathered for long enough. */
    flushDue(nowMs: number): void {
      const due = db
        .prepare(
          `SELECT channel, lane, max_items FROM notify_lanes WHERE first_ms IS NOT NULL
             AND (${flushAt} <= ? OR first_ms > ?)`,
        )
        .all(nowMs, nowMs + 1000) as unknown as LaneRow[]
      for (const lane of due) flush(lane, nowMs)
    },
    nextDueMs: (): number | undefined => {
      const row = db.prepare(`SELECT MIN(${flushAt}) AS at FROM notify_lanes WHERE first_ms IS NOT NULL`).get()
      return (row as { at: number | null }).at ?? undefined
    },
    /** Forgets lanes that no longer delay anything. */
    prune(nowMs: number): void {
      db.prepare(
        'DELETE FROM notify_lanes WHERE first_ms IS NULL AND root IS NULL AND COALESCE(last_ms, 0) + every_ms < ?',
      ).run(nowMs)
    },
  }
}

export interface Members {
  readonly where: string
  readonly values: ReadonlyArray<string | number>
}

export type Lanes = ReturnType<typeof createLanes>
