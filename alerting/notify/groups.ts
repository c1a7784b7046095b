import type { StateDatabase } from '../state/database.ts'
import { readAlert } from '../state/outbox.ts'
import type { Delivery } from './deliveries.ts'
import type { Group } from './notice.ts'

const shownAlerts = 10
const digestOf = 'digest '
const isGroup = (lane: string) => lane.startsWith('group ')

interface GroupRow {
  readonly ref: string | null
  readonly root: number | null
}

/**
 * Groups that a medium shows in one message which it edits. A group begins with its first digest and is over when none of
 * its alerts fires; what comes then begins another.
 */
export function createGroups(db: StateDatabase) {
  const rowOf = (channel: string, lane: string) =>
    db.prepare('SELECT ref, root FROM notify_lanes WHERE channel = ? AND lane = ?').get(channel, lane) as
      | GroupRow
      | undefined
  const laneOfDigest = ({ kind, thread }: Delivery) => {
    const lane = kind === 'digest' && thread.startsWith(digestOf) ? thread.slice(digestOf.length) : ''
    return isGroup(lane) ? lane : undefined
  }

  return {
    isOpen: (channel: string, lane: string): boolean => isGroup(lane) && typeof rowOf(channel, lane)?.ref === 'string',
    /** The message a digest belongs to. */
    refOf(delivery: Delivery): string | undefined {
      const lane = laneOfDigest(delivery)
      return lane === undefined ? undefined : (rowOf(delivery.channel, lane)?.ref ?? undefined)
    },
    /** How the group of a digest stands now; undefined where the digest is of no group. */
    of(delivery: Delivery): Group | undefined {
      const lane = laneOfDigest(delivery)
      if (lane === undefined) return undefined
      const { channel, id } = delivery
      const members = [channel, lane, rowOf(channel, lane)?.root ?? id, id] as const
      const from = `FROM notify_deliveries d JOIN notify_alerts a ON a.id = d.alert_id
        WHERE d.channel = ? AND d.lane = ? AND d.batch BETWEEN ? AND ?`
      const counts = db
        .prepare(`SELECT a.state, COUNT(DISTINCT a.id) AS count ${from} GROUP BY a.state`)
        .all(...members) as Array<{ state: string; count: number }>
      const countOf = (state: string) => counts.find((row) => row.state === state)?.count ?? 0
      const rows = db
        .prepare(`SELECT DISTINCT a.id, a.state, d.rank ${from} ORDER BY a.state, d.rank DESC, a.id LIMIT ?`)
        .all(...members, shownAlerts) as Array<{ id: string }>
      const alerts = rows.flatMap(({ id: alertId }) => readAlert(db, alertId) ?? [])
      return { firing: countOf('firing'), resolved: countOf('resolved'), alerts }
    },
    /** The medium has taken a digest: its message is the group's, until none of it fires. */
    told(delivery: Delivery, ref: string | undefined, group: Group | undefined): void {
      const lane = laneOfDigest(delivery)
      if (lane === undefined || ref === undefined || !group) return
      const { channel, id } = delivery
      const isOver = group.firing === 0
      db.prepare(
        `UPDATE notify_lanes SET ref = CASE WHEN ?1 THEN NULL ELSE COALESCE(ref, ?2) END,
           root = CASE WHEN ?1 THEN NULL ELSE COALESCE(root, ?3) END WHERE channel = ?4 AND lane = ?5`,
      ).run(isOver ? 1 : 0, ref, id, channel, lane)
    },
  }
}
