import type { ChangeSet, ReadPosition, RuleMemory } from '../engine/changes.ts'
import type { SavedState } from '../engine/engine-io.ts'
import { type StoredKey, storedKey, type WrittenKey } from '../engine/key-state.ts'
import type { StateDatabase } from './database.ts'
import { appendTransition, listAlerts, updateAlert } from './outbox.ts'

/** Resolved alerts are kept for the history view this long. */
const keepResolvedMs = 30 * 86_400_000

/** All of a change set in one transaction: offsets never run ahead of what was decided, nor behind. */
export function saveChanges(db: StateDatabase, changes: ChangeSet): void {
  db.transaction(() => {
    for (const rule of changes.dropped) {
      db.prepare('DELETE FROM windows WHERE rule = ?').run(rule)
      db.prepare('DELETE FROM seen WHERE rule = ?').run(rule)
      db.prepare('DELETE FROM rules WHERE id = ?').run(rule)
    }
    saveRules(db, changes)
    saveSeen(db, changes)
    for (const transition of changes.transitions) appendTransition(db, transition)
    for (const record of changes.alerts) updateAlert(db, record)
    const position = db.prepare(
      'INSERT INTO offsets VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next, watermark = excluded.watermark',
    )
    for (const { topic, partition, next, clockMs } of changes.positions)
      position.run(topic, partition, next, Number.isFinite(clockMs) ? clockMs : null)
    const heartbeat = db.prepare(
      'INSERT INTO heartbeats VALUES (?, ?) ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms',
    )
    for (const [node, atMs] of changes.heartbeats ?? []) heartbeat.run(node, atMs)
  })
}

function saveRules(db: StateDatabase, { rules, windows }: ChangeSet): void {
  const rule = db.prepare(
    'INSERT INTO rules VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint, state = excluded.state',
  )
  for (const { id, fingerprint, memory } of rules) rule.run(id, fingerprint, JSON.stringify(memory))
  const put = db.prepare('INSERT INTO windows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state')
  const gone = db.prepare('DELETE FROM windows WHERE rule = ? AND key = ?')
  for (const { rule: id, key, state } of windows) {
    if (state !== undefined) put.run(id, key, state)
    else gone.run(id, key)
  }
}

function saveSeen(db: StateDatabase, { seen, seenUntil }: ChangeSet): void {
  const put = db.prepare('INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms')
  for (const { rule, ids, times } of seen) ids.forEach((id, index) => put.run(rule, id, times[index] as number))
  const forget = db.prepare('DELETE FROM seen WHERE rule = ? AND at_ms <= ?')
  for (const [rule, untilMs] of seenUntil) forget.run(rule, untilMs)
}

/** What the last process that held the database left behind. */
export function loadState(db: StateDatabase): SavedState {
  const all = <T>(sql: string) => db.prepare(sql).all() as unknown as T[]
  const firing = listAlerts(db, 'firing', Number.MAX_SAFE_INTEGER)
  const samples = new Map(firing.map((record) => [record.id, [...record.samples]]))
  const windows = new Map<string, StoredKey[]>()
  for (const { rule, state } of all<{ rule: string; state: string }>('SELECT rule, state FROM windows'))
    push(
      windows,
      rule,
      storedKey(JSON.parse(state) as WrittenKey, (id) => samples.get(id)),
    )
  const seen = new Map<string, Array<{ id: string; atMs: number }>>()
  for (const { rule, id, at_ms } of all<{ rule: string; id: string; at_ms: number }>(
    'SELECT * FROM seen ORDER BY at_ms',
  ))
    push(seen, rule, { id, atMs: at_ms })
  return {
    positions: all<Omit<ReadPosition, 'clockMs'> & { watermark: number | null }>('SELECT * FROM offsets').map(
      ({ topic, partition, next, watermark }) => ({
        topic,
        partition,
        next,
        clockMs: watermark ?? Number.NEGATIVE_INFINITY,
      }),
    ),
    rules: all<{ id: string; fingerprint: string; state: string }>('SELECT * FROM rules').map(
      ({ id, fingerprint, state }) => ({
        id,
        fingerprint,
        memory: JSON.parse(state) as RuleMemory,
        windows: windows.get(id) ?? [],
        seen: seen.get(id) ?? [],
      }),
    ),
    firing,
    heartbeats: new Map(
      all<{ node: string; at_ms: number }>('SELECT * FROM heartbeats').map(({ node, at_ms }) => [node, at_ms]),
    ),
  }
}

/** Forgets resolved alerts older than a month. */
export function trimAlerts(db: StateDatabase, nowMs: number): void {
  db.prepare("DELETE FROM alerts WHERE state = 'resolved' AND updated_ms < ?").run(nowMs - keepResolvedMs)
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key)
  if (list) list.push(item)
  else map.set(key, [item])
}
