import { createHash } from 'node:crypto'
import type { StateDatabase } from '../state/database.ts'
import { appendTransition, readAlert } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'

/** The rule id of the alert that a channel's failure raises, told by the others. */
export const deadChannelRule = 'thump-channel-dead'

/** Raises and ends the alert of a channel that does not tell; durable, since the alert itself is. */
export function createDeadChannels(db: StateDatabase) {
  function firing(channel: string): AlertRecord | undefined {
    const rows = db
      .prepare("SELECT id FROM notify_alerts WHERE rule = ? AND state = 'firing'")
      .all(deadChannelRule) as Array<{ id: string }>
    return rows.map(({ id }) => readAlert(db, id)).find((alert) => alert?.key['channel'] === channel)
  }
  return {
    isRaised: (channel: string): boolean => firing(channel) !== undefined,
    raise(channel: string, detail: string, sinceMs: number, nowMs: number): void {
      db.transaction(() => {
        const id = createHash('sha256')
          .update(JSON.stringify([deadChannelRule, channel, sinceMs]))
          .digest('base64url')
        const record: AlertRecord = {
          id: id.slice(0, 22),
          ruleId: deadChannelRule,
          key: { channel },
          state: 'firing',
          severity: 'high',
          labels: {},
          summary: `channel ${channel} does not take notifications: ${detail}`,
          count: 1,
          firstSeenMs: sinceMs,
          lastSeenMs: nowMs,
          samples: [],
          stage: 'live',
        }
        appendTransition(db, {
          alertId: record.id,
          kind: 'firing',
          atMs: nowMs,
          record,
          isCatchUp: false,
          isSilent: false,
        })
      })
    },
    resolve(channel: string, nowMs: number): void {
      db.transaction(() => {
        const alert = firing(channel)
        if (!alert) return
        const record: AlertRecord = { ...alert, state: 'resolved', resolvedAtMs: nowMs, lastSeenMs: nowMs }
        appendTransition(db, {
          alertId: alert.id,
          kind: 'resolved',
          atMs: nowMs,
          record,
          isCatchUp: false,
          isSilent: false,
        })
      })
    },
  }
}

export type DeadChannels = ReturnType<typeof createDeadChannels>
