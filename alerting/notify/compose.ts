import type { StateDatabase } from '../state/database.ts'
import { readAlert, readTransitions } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'
import type { Delivery } from './deliveries.ts'
import { createGroups } from './groups.ts'
import type { Notice } from './notice.ts'
import { threadOf } from './thread.ts'

/** The alert as a delivery tells it: as it was when it changed, or, for reminders, as it stands now. */
export function recordOf(db: StateDatabase, { kind, seq, alert_id }: Delivery): AlertRecord | undefined {
  const current = () => readAlert(db, alert_id)
  if (kind !== 'firing' && kind !== 'resolved') return current()
  const [transition] = readTransitions(db, seq - 1, 1)
  return transition?.seq === seq && transition.alertId === alert_id ? transition.record : current()
}

/** The message of a delivery; undefined where nothing is known of its alert any more. A digest shows its own number of alerts, or more. */
export function composeNotice(db: StateDatabase, delivery: Delivery, showsAtLeast = 0): Notice | undefined {
  if (delivery.kind === 'digest') return composeDigest(db, delivery, showsAtLeast)
  const record = recordOf(db, delivery)
  if (!record) return undefined
  const note = noteOf(delivery)
  return { id: noticeId(delivery), kind: delivery.kind, alerts: [record], ...(note !== undefined && { note }) }
}

/** The same in every attempt and over restarts. */
function noticeId({ id, alert_id, kind }: Delivery): string {
  return `thump_${alert_id}_${kind}_${id}`
}

function noteOf({ note, episodes }: Delivery): string | undefined {
  if (episodes === 0) return note ?? undefined
  return `${episodes} earlier ${episodes === 1 ? 'episode was' : 'episodes were'} held back by the throttle`
}

const dayMs = 86_400_000

/** Alerts of the same rule and key within 24 hours, this one included. */
export function episodesOf(db: StateDatabase, alert: AlertRecord, nowMs: number): number {
  const { episodes } = db
    .prepare('SELECT COUNT(*) AS episodes FROM notify_alerts WHERE thread = ? AND updated_ms > ?')
    .get(threadOf(alert), nowMs - dayMs) as { episodes: number }
  return Math.max(1, episodes)
}

const maxRules = 50

function composeDigest(db: StateDatabase, delivery: Delivery, showsAtLeast: number): Notice | undefined {
  const { total } = db
    .prepare('SELECT COUNT(DISTINCT thread) AS total FROM notify_deliveries WHERE batch = ?')
    .get(delivery.id) as { total: number }
  const rules = db
    .prepare(
      `SELECT rule, COUNT(DISTINCT thread) AS count FROM notify_deliveries WHERE batch = ?
         GROUP BY rule ORDER BY count DESC, rule LIMIT ?`,
    )
    .all(delivery.id, maxRules) as Array<{ rule: string; count: number }>
  // The worst of each rule first, so that one rule's thousands do not hide another's only one.
  const members = db
    .prepare(
      `SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY rule ORDER BY rank DESC, id) AS place FROM notify_deliveries
           WHERE id IN (SELECT MAX(id) FROM notify_deliveries WHERE batch = ? GROUP BY thread))
         ORDER BY place, rank DESC, id LIMIT ?`,
    )
    .all(delivery.id, Math.max(showsAtLeast, delivery.max_items ?? 10)) as unknown as Delivery[]
  const alerts = members.map((member) => recordOf(db, member)).filter((record) => record !== undefined)
  const [first, ...rest] = alerts.toSorted((a, b) => rankOf(members, b) - rankOf(members, a))
  if (!first) return undefined
  const group = createGroups(db).of(delivery)
  return {
    id: noticeId(delivery),
    kind: 'digest',
    ...(group && { group }),
    alerts: [first, ...rest],
    digest: {
      total,
      shown: alerts.length,
      rules: rules.map(({ rule, count }) => ({ rule, count })),
      reason: delivery.note ?? 'they came together',
    },
  }
}

function rankOf(members: readonly Delivery[], alert: AlertRecord): number {
  return members.find(({ alert_id }) => alert_id === alert.id)?.rank ?? 0
}
