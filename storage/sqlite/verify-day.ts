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
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000')
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

/** A part at a time: a reader that stays keeps the writer from moving its log into the file. */
const rowsAtOnce = 5000
const maxKnownTerms = 50_000

function firstFalseRow(database: DatabaseSync): string | undefined {
  const textOf = termsIn(database)
  const names = ['rowid', 'at_ms', 'seq', 'id', ...columnNames].join(', ')
  const rows = database.prepare(`SELECT ${names} FROM events WHERE rowid > ? ORDER BY rowid LIMIT ${rowsAtOnce}`)
  for (let last = 0; ; ) {
    database.exec('BEGIN')
    const bodies = new BodyReader(database)
    const part = rows.all(last)
    for (const row of part) {
      const problem = falsehoodOf(row, bodies.json(row['rowid'] as number), textOf)
      if (problem !== undefined) return problem
    }
    database.exec('COMMIT')
    if (part.length < rowsAtOnce) return undefined
    last = part.at(-1)?.['rowid'] as number
  }
}

type TextOf = (id: number) => string | undefined

function falsehoodOf(row: Readonly<Record<string, unknown>>, json: string, textOf: TextOf): string | undefined {
  const event = JSON.parse(json) as Record<string, unknown> & {
    '@timestamp': string
    event: { id: string; sequence?: unknown }
  }
  const sequence = typeof event.event.sequence === 'number' ? event.event.sequence : 0
  const isSame =
    row['id'] === event.event.id &&
    row['at_ms'] === Date.parse(event['@timestamp']) &&
    row['seq'] === sequence &&
    columnValues(event).every((value, index) => isTerm(row[columnNames[index] ?? ''], value, textOf))
  return isSame ? undefined : `the row of the event ${event.event.id} does not say what the event says`
}

function isTerm(id: unknown, value: ReturnType<typeof columnValues>[number], textOf: TextOf): boolean {
  if (value === undefined) return id === null
  return value === several ? id === severalId : typeof id === 'number' && textOf(id) === value
}

function termsIn(database: DatabaseSync): TextOf {
  const find = database.prepare('SELECT text FROM terms WHERE id = ?')
  const known = new Map<number, string | undefined>()
  return (id) => {
    if (known.has(id)) return known.get(id)
    if (known.size >= maxKnownTerms) known.clear()
    const text = find.get(id)?.['text'] as string | undefined
    known.set(id, text)
    return text
  }
}
