import { DatabaseSync } from 'node:sqlite'
import { BodyReader } from './bodies.ts'
import { columnValues, several } from './columns.ts'
import { type Day, dayPath } from './day-files.ts'
import { columnNames, formatVersion, versionOf } from './schema.ts'
import { severalId } from './terms.ts'

/**
 * What is wrong with a day's file; undefined where nothing is. SQLite has no checksums, but all that is searched can be made
 * from the events, which have: what an index or a column says otherwise is damage. Reads the whole file; also beside the
 * process that writes it.
 */
export function problemOf(dir: string, day: Day): string | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(dayPath(dir, day), { readOnly: true })
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000; BEGIN')
    // Its tables are being made, or it is another version's: that is told when it is read.
    if (versionOf(database) !== formatVersion) return undefined
    const row = database.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string }
    if (row.integrity_check !== 'ok') return row.integrity_check
    return firstFalseRow(database)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    if (database?.isOpen) database.close()
  }
}

function firstFalseRow(database: DatabaseSync): string | undefined {
  const bodies = new BodyReader(database)
  const terms = new Map<number, string>()
  for (const { id, text } of database.prepare('SELECT id, text FROM terms').iterate())
    terms.set(id as number, text as string)
  const rows = database.prepare(`SELECT rowid, at_ms, seq, id, ${columnNames.join(', ')} FROM events ORDER BY rowid`)
  for (const row of rows.iterate()) {
    const event = JSON.parse(bodies.json(row['rowid'] as number)) as Record<string, unknown> & {
      '@timestamp': string
      event: { id: string; sequence?: unknown }
    }
    const sequence = typeof event.event.sequence === 'number' ? event.event.sequence : 0
    const isSame =
      row['id'] === event.event.id &&
      row['at_ms'] === Date.parse(event['@timestamp']) &&
      row['seq'] === sequence &&
      columnValues(event).every((value, index) => isTerm(row[columnNames[index] ?? ''], value, terms))
    if (!isSame) return `the row of the event ${event.event.id} does not say what the event says`
  }
  return undefined
}

function isTerm(
  id: unknown,
  value: ReturnType<typeof columnValues>[number],
  terms: ReadonlyMap<number, string>,
): boolean {
  if (value === undefined) return id === null
  return value === several ? id === severalId : terms.get(id as number) === value
}
