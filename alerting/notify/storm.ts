import { setImmediate } from 'node:timers/promises'
import type { StateDatabase } from '../state/database.ts'
import type { Delivery, Storms } from './deliveries.ts'
import type { Gate } from './gate.ts'
import type { Lanes } from './lanes.ts'
import type { Sift } from './sift.ts'

export interface StormDeps {
  readonly db: StateDatabase
  readonly channel: string
  /** More waiting than this are told together. */
  readonly backlog: number
  readonly lanes: Lanes
  readonly gate: Gate
  readonly sift: Sift
}

const chunk = 500
const shownItems = 10
/** What is waiting to be told one by one; critical alerts are counted apart. */
const singles = "state = 'pending' AND kind != 'digest' AND lane IS NULL AND hold IS NOT 'flushed'"

/** Between the digests of one storm: at first this, then twice as long each time. */
const firstPauseMs = 5000
const longestPauseMs = 300_000

/**
 * A backlog that the channel could not tell in time becomes one digest. Nothing is lost without a word: its total is
 * exact. One digest at a time, with growing pauses: while it waits to be taken, what comes gathers for the next.
 */
export function createStormBreaker({ db, channel, backlog, lanes, gate, sift }: StormDeps) {
  const isCritical = (critical: boolean) => (critical ? 'rank = 3' : 'rank < 3')

  function isStorm(critical: boolean): boolean {
    const { waiting } = db
      .prepare(
        `SELECT COUNT(*) AS waiting FROM (SELECT 1 FROM notify_deliveries
           WHERE channel = ? AND ${singles} AND ${isCritical(critical)} LIMIT ?)`,
      )
      .get(channel, backlog + 1) as { waiting: number }
    return waiting > backlog
  }

  function isDigestOpen(critical: boolean): boolean {
    return (
      db
        .prepare(
          `SELECT 1 FROM notify_deliveries WHERE channel = ? AND state = 'pending' AND thread = 'digest storm'
             AND (rank = 3) = ? LIMIT 1`,
        )
        .get(channel, critical ? 1 : 0) !== undefined
    )
  }

  /** Holds and merges what is not to be told, in steps that leave room for others. */
  async function siftAll(upTo: number, critical: boolean, nowMs: number): Promise<void> {
    const onlySpecial = gate.isOpen(nowMs) ? 'AND (is_plain = 0 OR hold IS NOT NULL OR attempts > 0)' : ''
    for (let from = 0; ; ) {
      const rows = db
        .prepare(
          `SELECT * FROM notify_deliveries WHERE channel = ? AND ${singles} AND ${isCritical(critical)} ${onlySpecial}
             AND id > ? AND id <= ? ORDER BY id LIMIT ?`,
        )
        .all(channel, from, upTo, chunk) as unknown as Delivery[]
      db.transaction(() => {
        for (const row of rows) sift(row, nowMs)
      })
      const last = rows.at(-1)
      if (!last || rows.length < chunk) return
      from = last.id
      await setImmediate()
    }
  }

  const pauses = { critical: { lastMs: 0, pauseMs: 0 }, other: { lastMs: 0, pauseMs: 0 } }

  async function settleClass(name: keyof Storms, nowMs: number): Promise<boolean> {
    const critical = name === 'critical'
    const pause = pauses[name]
    if (!isStorm(critical)) return false
    // A clock that was set back must not stop a storm from being told.
    if (nowMs < pause.lastMs + pause.pauseMs && nowMs >= pause.lastMs) return true
    if (isDigestOpen(critical)) return true
    const { upTo } = db.prepare('SELECT MAX(id) AS upTo FROM notify_deliveries').get() as { upTo: number }
    await siftAll(upTo, critical, nowMs)
    const where = `${singles} AND ${isCritical(critical)} AND id <= ?`
    return db.transaction(() => {
      if (!isStorm(critical)) return false
      lanes.gather(channel, 'storm', shownItems, nowMs, { where, values: [upTo] })
      const isNew = nowMs > pause.lastMs + 2 * pause.pauseMs
      pauses[name] = {
        lastMs: nowMs,
        pauseMs: isNew ? firstPauseMs : Math.min(longestPauseMs, pause.pauseMs * 2),
      }
      return true
    })
  }

  return {
    settle: async (nowMs: number): Promise<Storms> => ({
      critical: await settleClass('critical', nowMs),
      other: await settleClass('other', nowMs),
    }),
  }
}

export type StormBreaker = ReturnType<typeof createStormBreaker>
