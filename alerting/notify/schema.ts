/**
 * Tables of the notifier, in the alerter's database.
 *
 * A delivery is one thing to tell through one channel. Its state: `pending` (to be sent as soon as the channel takes
 * it), `held` (not before `due_ms`, because of `hold`), `laned` (gathers in its lane for one message), `batched` (part of
 * the digest `batch`), `done`, `rejected` (the medium will never take it), `dropped` (not to be told, see `outcome`).
 */
export const notifySchema: readonly string[] = [
  `CREATE TABLE notify_cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
   INSERT INTO notify_cursor VALUES (1, 0);
   CREATE TABLE notify_alerts (id TEXT PRIMARY KEY, rule TEXT NOT NULL, thread TEXT NOT NULL, state TEXT NOT NULL,
     updated_ms REAL NOT NULL, inhibits TEXT, equal TEXT, acked_ms REAL, acked_by TEXT, ack_comment TEXT) WITHOUT ROWID;
   CREATE INDEX notify_alerts_inhibiting ON notify_alerts (state) WHERE inhibits IS NOT NULL;
   CREATE TABLE notify_deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, alert_id TEXT NOT NULL,
     rule TEXT NOT NULL, thread TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, rank INTEGER NOT NULL,
     state TEXT NOT NULL, hold TEXT, due_ms REAL NOT NULL DEFAULT 0, lane TEXT, batch INTEGER, route INTEGER, is_plain INTEGER NOT NULL DEFAULT 0,
     episodes INTEGER NOT NULL DEFAULT 0, repeat_ms REAL, max_items INTEGER, attempts INTEGER NOT NULL DEFAULT 0, progress TEXT, note TEXT,
     fallback_at REAL, fallback TEXT, created_ms REAL NOT NULL, settled_ms REAL, outcome TEXT, detail TEXT);
   CREATE INDEX notify_pending ON notify_deliveries (channel, rank DESC, id) WHERE state = 'pending';
   CREATE INDEX notify_released ON notify_deliveries (channel)
     WHERE state = 'pending' AND (kind = 'digest' OR hold = 'flushed');
   CREATE INDEX notify_held ON notify_deliveries (due_ms) WHERE state = 'held';
   CREATE INDEX notify_laned ON notify_deliveries (channel, lane) WHERE state = 'laned';
   CREATE INDEX notify_open_threads ON notify_deliveries (channel, thread, id)
     WHERE state IN ('pending', 'held', 'laned', 'batched');
   CREATE INDEX notify_unsettled ON notify_deliveries (seq) WHERE state IN ('pending', 'held', 'laned', 'batched');
   CREATE INDEX notify_batches ON notify_deliveries (batch) WHERE batch IS NOT NULL;
   CREATE INDEX notify_by_alert ON notify_deliveries (alert_id);
   CREATE INDEX notify_settled ON notify_deliveries (channel, settled_ms) WHERE settled_ms IS NOT NULL;
   CREATE INDEX notify_fallbacks ON notify_deliveries (fallback_at) WHERE fallback_at IS NOT NULL;
   CREATE TABLE notify_told (alert_id TEXT, channel TEXT, last_ms REAL NOT NULL, repeat_at REAL, resend_ms REAL, ref TEXT,
     PRIMARY KEY (alert_id, channel)) WITHOUT ROWID;
   CREATE INDEX notify_repeats ON notify_told (repeat_at) WHERE repeat_at IS NOT NULL;
   CREATE TABLE notify_throttles (channel TEXT, thread TEXT, last_ms REAL NOT NULL, wait_ms REAL NOT NULL,
     PRIMARY KEY (channel, thread)) WITHOUT ROWID;
   CREATE TABLE notify_lanes (channel TEXT, lane TEXT, first_ms REAL, latest_ms REAL, last_ms REAL, wait_ms REAL NOT NULL,
     every_ms REAL NOT NULL, max_items INTEGER NOT NULL, PRIMARY KEY (channel, lane)) WITHOUT ROWID;
   CREATE TABLE silences (id TEXT PRIMARY KEY, matchers TEXT NOT NULL, starts_ms REAL NOT NULL, ends_ms REAL NOT NULL,
     author TEXT NOT NULL, comment TEXT NOT NULL, created_ms REAL NOT NULL) WITHOUT ROWID;
   CREATE INDEX silences_by_end ON silences (ends_ms);`,
  `ALTER TABLE notify_alerts ADD COLUMN close_note TEXT;
   CREATE INDEX notify_alerts_threads ON notify_alerts (thread, updated_ms);
   ALTER TABLE silences ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;`,
  // Of a group that a medium shows in one message: that message, and the delivery it began with.
  `ALTER TABLE notify_lanes ADD COLUMN ref TEXT;
   ALTER TABLE notify_lanes ADD COLUMN root INTEGER;`,
]
