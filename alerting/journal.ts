import type { ThumpEvent } from '../event/event.ts'
import { uniqueEventId } from '../event/ids.ts'
import type { Clock } from '../runtime/clock.ts'
import { version } from '../runtime/version.ts'
import type { StateDatabase } from './state/database.ts'
import type { AlertRecord } from './transition.ts'

/** What was told to people, and what they did. */
export type JournalAction =
  | 'alert.notified'
  | 'alert.rejected'
  | 'alert.acked'
  | 'alert.closed'
  | 'silence.added'
  | 'silence.expired'

export interface JournalEntry {
  readonly action: JournalAction
  readonly message: string
  /** Whose alert it is about. */
  readonly alert?: Pick<AlertRecord, 'id' | 'ruleId' | 'severity' | 'key'>
  /** Who did it. */
  readonly by?: string
  readonly notification?: Readonly<Record<string, string | number>>
  readonly silence?: Readonly<Record<string, string>>
}

const schema: readonly string[] = [
  'CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, event TEXT NOT NULL)',
]

interface JournalRow {
  readonly seq: number
  readonly key: string
  readonly event: string
}

/**
 * Events that are written in the transaction of the deed they tell of, and published afterwards: at least once, under one
 * id. `onWrite` is called after each, within that transaction.
 */
export function createJournal(db: StateDatabase, { cluster, now }: { cluster: string | undefined; now: Clock }) {
  db.migrate('journal', schema)
  let onWrite = () => {}
  return {
    write(entry: JournalEntry): void {
      const event = JSON.stringify(asEvent(entry, cluster, now()))
      const key = `alerting/${entry.alert?.ruleId ?? 'silences'}`
      db.prepare('INSERT INTO journal (key, event) VALUES (?, ?)').run(key, event)
      onWrite()
    },
    /** The oldest that are not published yet. */
    page: (limit: number): Array<{ seq: number; key: string; event: ThumpEvent }> =>
      (db.prepare('SELECT * FROM journal ORDER BY seq LIMIT ?').all(limit) as unknown as JournalRow[]).map(
        ({ seq, key, event }) => ({ seq, key, event: JSON.parse(event) as ThumpEvent }),
      ),
    published: (seq: number): void => void db.prepare('DELETE FROM journal WHERE seq <= ?').run(seq),
    set onWrite(listener: () => void) {
      onWrite = listener
    },
  }
}

export type Journal = ReturnType<typeof createJournal>

function asEvent(
  { action, message, alert, by, notification, silence }: JournalEntry,
  cluster: string | undefined,
  nowMs: number,
): ThumpEvent {
  return {
    '@timestamp': new Date(nowMs).toISOString(),
    // A silence is about many alerts or none: it belongs to the audit, not to an alert's history.
    event: { id: uniqueEventId(), dataset: alert ? 'thump.alert' : 'thump.audit', action },
    message,
    service: { type: 'thump', ...(cluster !== undefined && { name: cluster }) },
    agent: { id: 'alerting', version },
    ...(by !== undefined && { user: { name: by } }),
    thump: {
      ...(alert && { alert: { id: alert.id, rule: alert.ruleId, severity: alert.severity, key: alert.key } }),
      ...(notification && { notification }),
      ...(silence && { silence }),
    },
  }
}
