import { DatabaseSync } from 'node:sqlite'
import { BodyReader } from './bodies.ts'
import { columnValues, several } from './columns.ts'
import { type Day, dayPath } from './day-files.ts'
import { columnNames, formatVersion, versionOf } from './schema.ts'
import { severalId } from './terms.ts'
import { ExpectedWords } from './verify-words.ts'

export interface DayProblem {
  readonly reason: string
  /** The events and all but the full-text index are whole: it can be made anew from them. */
  readonly isOfWords: boolean
}

/**
 * What is wrong with a day's file; undefined where nothing is. SQLite has no checksums, but all that is searched can be made
 * from the events, which have: what an index or a column says otherwise is damage. Reads the whole file; also beside the
 * process that writes it.
 */
export function problemOf(dir: string, day: Day): DayProblem | undefined {
  let database: DatabaseSync | undefined
  const isWrong = (reason: string): DayProblem => ({ reason, isOfWords: false })
  try {
    database = new DatabaseSync(dayPath(dir, day), { readOnly: true })
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000')
    // Its tables are being made, or it is another version's: that is told when it is read.
    if (versionOf(database) !== formatVersion) return undefined
    // Each by itself: damage of one must not hide what is whole.
    for (const table of ['events', 'bodies', 'terms']) {
      const found = integrityOf(database, table)
      if (found !== undefined) return isWrong(found)
    }
    const expected = new ExpectedWords()
    const [first, last] = rowsOf(database)
    const problem = falseSpan(database) ?? firstFalseRow(database, last, expected)
    return problem === undefined ? wordsProblem(database, expected, [first, last]) : isWrong(problem)
  } catch (error) {
    return isWrong(error instanceof Error ? error.message : String(error))
  } finally {
    if (database?.isOpen) database.close()
  }
}

function integrityOf(database: DatabaseSync, table?: string): string | undefined {
  const row = database.prepare(`PRAGMA integrity_check(${table ?? 1})`).get() as { integrity_check: string }
  return row.integrity_check === 'ok' ? undefined : row.integrity_check
}

function rowsOf(database: DatabaseSync): readonly [first: number, last: number] {
  const row = database.prepare('SELECT min(rowid) AS first, max(rowid) AS last FROM events').get()
  return [(row?.['first'] as number | null) ?? 0, (row?.['last'] as number | null) ?? 0]
}

function wordsProblem(
  database: DatabaseSync,
  expected: ExpectedWords,
  [first, last]: readonly [number, number],
): DayProblem | undefined {
  const isOfWords = (reason: string): DayProblem => ({ reason: `the full-text index: ${reason}`, isOfWords: true })
  try {
    const differences = expected.differences(database, last)
    // Events that were taken out meanwhile are no damage; the next look has others.
    if (rowsOf(database)[0] !== first) return undefined
    if (differences > 0) return isOfWords(`${differences} of its terms do not say what the events say`)
    const structure = integrityOf(database)
    return structure === undefined ? undefined : isOfWords(structure)
  } catch (error) {
    return isOfWords(error instanceof Error ? error.message : String(error))
  }
}

/** Packs whose times are not those of their events. */
function falseSpan(database: DatabaseSync): string | undefined {
  const found = database
    .prepare(
      `WITH packs AS (SELECT first, from_ms, until_ms, lead(first, 1, 1e18) OVER (ORDER BY first) AS next
         FROM bodies INDEXED BY by_span)
       SELECT first FROM packs WHERE (from_ms, until_ms) IS NOT
         (SELECT min(at_ms), max(at_ms) FROM events WHERE rowid >= packs.first AND rowid < packs.next) LIMIT 1`,
    )
    .get()
  return found && `the events from row ${found['first'] as number} on are not of the times that their pack names`
}

/** A part at a time: a reader that stays keeps the writer from moving its log into the file. */
const rowsAtOnce = 1000
const maxKnownTerms = 50_000

function firstFalseRow(database: DatabaseSync, lastRow: number, words: ExpectedWords): string | undefined {
  const textOf = termsIn(database)
  const names = ['rowid', 'at_ms', 'seq', 'id', ...columnNames].join(', ')
  const rows = database.prepare(
    `SELECT ${names} FROM events WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ${rowsAtOnce}`,
  )
  for (let last = 0; ; ) {
    database.exec('BEGIN')
    const bodies = new BodyReader(database, 1)
    const part = rows.all(last, lastRow)
    for (const row of part) {
      const rowid = row['rowid'] as number
      let event: StoredEvent
      try {
        event = JSON.parse(bodies.json(rowid)) as StoredEvent
      } catch (error) {
        return lostPack(database, rowid, error)
      }
      if (!isTrue(row, event, textOf)) return `the row of the event ${event.event.id} does not say what the event says`
      words.add(rowid, event['message'])
    }
    database.exec('COMMIT')
    if (part.length < rowsAtOnce) return undefined
    last = part.at(-1)?.['rowid'] as number
  }
}

function lostPack(database: DatabaseSync, rowid: number, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  const pack = database
    .prepare('SELECT from_ms, until_ms FROM bodies WHERE first <= ? ORDER BY first DESC LIMIT 1')
    .get(rowid)
  if (!pack) return reason
  const [from, until] = [pack['from_ms'], pack['until_ms']].map((atMs) => new Date(atMs as number).toISOString())
  return `the events of ${from} to ${until} cannot be read: ${reason}`
}

type TextOf = (id: number) => string | undefined
type StoredEvent = Record<string, unknown> & { '@timestamp': string; event: { id: string; sequence?: unknown } }

function isTrue(row: Readonly<Record<string, unknown>>, event: StoredEvent, textOf: TextOf): boolean {
  const sequence = typeof event.event.sequence === 'number' ? event.event.sequence : 0
  return (
    row['id'] === event.event.id &&
    row['at_ms'] === Date.parse(event['@timestamp']) &&
    row['seq'] === sequence &&
    columnValues(event).every((value, index) => isTerm(row[columnNames[index] ?? ''], value, textOf))
  )
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
