import type { AlertRecord, Transition } from '../transition.ts'
import type { StateDatabase } from './database.ts'

/** Tables of the engine: where it read to, what it holds per rule and key, the alerts, and what is to be told. */
export const engineSchema: readonly string[] = [
  `CREATE TABLE offsets (topic TEXT, partition INTEGER, next INTEGER NOT NULL, watermark REAL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
   CREATE TABLE windows (rule TEXT, key TEXT, state TEXT NOT NULL, PRIMARY KEY (rule, key)) WITHOUT ROWID;
   CREATE TABLE rules (id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE seen (rule TEXT, id TEXT, at_ms REAL NOT NULL, PRIMARY KEY (rule, id)) WITHOUT ROWID;
   CREATE TABLE alerts (id TEXT PRIMARY KEY, rule TEXT NOT NULL, state TEXT NOT NULL, updated_ms REAL NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
   CREATE INDEX alerts_by_state ON alerts (state, updated_ms);
   CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, kind TEXT NOT NULL, at_ms REAL NOT NULL,
     is_catch_up INTEGER NOT NULL, is_silent INTEGER NOT NULL, record TEXT NOT NULL);
   CREATE TABLE cursors (reader TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE heartbeats (node TEXT PRIMARY KEY, at_ms REAL NOT NULL) WITHOUT ROWID;`,
]

const shortestPrefix = 4

interface OutboxRow {
  readonly seq: number
  readonly alert_id: string
  readonly kind: Transition['kind']
  readonly at_ms: number
  readonly is_catch_up: number
  readonly is_silent: number
  readonly record: string
}

/** Call within the transaction that moves the offsets. Returns the new row's `seq`. */
export function appendTransition(db: StateDatabase, transition: Omit<Transition, 'seq'>): number {
  const { alertId, kind, atMs, isCatchUp, isSilent, record } = transition
  const text = JSON.stringify(record)
  db.prepare(
    `INSERT INTO alerts VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms, record = excluded.record`,
  ).run(alertId, record.ruleId, record.state, atMs, text)
  const { lastInsertRowid } = db
    .prepare('INSERT INTO outbox (alert_id, kind, at_ms, is_catch_up, is_silent, record) VALUES (?, ?, ?, ?, ?, ?)')
    .run(alertId, kind, atMs, isCatchUp ? 1 : 0, isSilent ? 1 : 0, text)
  return Number(lastInsertRowid)
}

/** Transitions after `seq`, oldest first. */
export function readTransitions(db: StateDatabase, afterSeq: number, limit: number): Transition[] {
  const rows = db.prepare('SELECT * FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?').all(afterSeq, limit)
  return (rows as unknown as OutboxRow[]).map((row) => ({
    seq: row.seq,
    alertId: row.alert_id,
    kind: row.kind,
    atMs: row.at_ms,
    isCatchUp: row.is_catch_up === 1,
    isSilent: row.is_silent === 1,
    record: JSON.parse(row.record) as AlertRecord,
  }))
}

/** Up to where a named reader of the outbox has come; 0 at first. */
export function readCursor(db: StateDatabase, reader: string): number {
  const row = db.prepare('SELECT seq FROM cursors WHERE reader = ?').get(reader) as { seq: number } | undefined
  return row?.seq ?? 0
}

export function moveCursor(db: StateDatabase, reader: string, seq: number): void {
  db.prepare('INSERT INTO cursors VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq').run(reader, seq)
}

/** Forgets transitions up to `seq`, once every delivery they need is on record; never past a reader's cursor. */
export function trimTransitions(db: StateDatabase, upToSeq: number): void {
  const { least } = db.prepare('SELECT min(seq) AS least FROM cursors').get() as { least: number | null }
  db.prepare('DELETE FROM outbox WHERE seq <= ?').run(Math.min(upToSeq, least ?? upToSeq))
}

/** An open alert's count, last sight and samples moved on without a transition. */
export function updateAlert(db: StateDatabase, record: AlertRecord): void {
  db.prepare('UPDATE alerts SET record = ?, updated_ms = max(updated_ms, ?) WHERE id = ?').run(
    JSON.stringify(record),
    record.lastSeenMs,
    record.id,
  )
}

/** The alert as it stands now (count and last sight move on between transitions). */
export function readAlert(db: StateDatabase, id: string): AlertRecord | undefined {
  const row = db.prepare('SELECT record FROM alerts WHERE id = ?').get(id) as { record: string } | undefined
  return row && (JSON.parse(row.record) as AlertRecord)
}

/** By its id, or by the first characters of it where no other begins with them; dashes before it may be left out. */
export function findAlert(db: StateDatabase, id: string): AlertRecord | undefined {
  const exact = readAlert(db, id)
  if (exact || id.length < shortestPrefix) return exact
  const starting = db.prepare('SELECT record FROM alerts WHERE id >= ?1 AND id < ?1 || char(127) LIMIT 2')
  const rows = ['', '-', '--'].flatMap((dashes) => starting.all(dashes + id) as unknown as Array<{ record: string }>)
  const [first, second] = rows
  return first && !second ? (JSON.parse(first.record) as AlertRecord) : undefined
}

/** Newest change first. */
export function listAlerts(db: StateDatabase, state: AlertRecord['state'] | undefined, limit: number): AlertRecord[] {
  const rows =
    state === undefined
      ? db.prepare('SELECT record FROM alerts ORDER BY updated_ms DESC LIMIT ?').all(limit)
      : db.prepare('SELECT record FROM alerts WHERE state = ? ORDER BY updated_ms DESC LIMIT ?').all(state, limit)
  return (rows as unknown as Array<{ record: string }>).map(({ record }) => JSON.parse(record) as AlertRecord)
}
