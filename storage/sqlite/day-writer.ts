import { mkdirSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { bigrams } from './bigrams.ts'
import { columns, columnValues, indexed } from './columns.ts'
import { type Day, dayPath } from './day-files.ts'

/** One event as the worker is given it. */
export interface Row {
  readonly topic: string
  readonly id: string
  readonly atMs: number
  readonly json: string
}

const names = Object.values(columns)

const schema = `
  CREATE TABLE IF NOT EXISTS events (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL, topic TEXT NOT NULL,
    ${names.map((name) => `${name} TEXT`).join(', ')}, json TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS by_time ON events (at_ms, seq, id);
  ${indexed.map((name) => `CREATE INDEX IF NOT EXISTS by_${name} ON events (${name}, at_ms) WHERE ${name} IS NOT NULL;`).join('\n')}
  CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='', columnsize=0, detail=full, tokenize='unicode61 remove_diacritics 0');
  PRAGMA user_version = 1;`

/** One day's file, open for writing. */
export class DayWriter {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #index: StatementSync

  constructor(dir: string, day: Day) {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    this.#database = new DatabaseSync(dayPath(dir, day))
    try {
      // Committed means on disk: the offset that follows must never be ahead of the event.
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
      this.#database.exec(schema)
      const marks = names.map(() => '?').join(', ')
      this.#insert = this.#database.prepare(
        `INSERT OR IGNORE INTO events (id, at_ms, seq, topic, ${names.join(', ')}, json) VALUES (?, ?, ?, ?, ${marks}, ?)`,
      )
      this.#index = this.#database.prepare('INSERT INTO words (rowid, text) VALUES (?, ?)')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** All or none; per row whether it was new. */
  write(rows: readonly Row[]): boolean[] {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const fresh = rows.map((row) => this.#add(row))
      this.#database.exec('COMMIT')
      return fresh
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #add({ topic, id, atMs, json }: Row): boolean {
    const event = JSON.parse(json) as { message?: unknown; event?: { sequence?: unknown } }
    const sequence = typeof event.event?.sequence === 'number' ? event.event.sequence : 0
    const { changes, lastInsertRowid } = this.#insert.run(id, atMs, sequence, topic, ...columnValues(event), json)
    if (changes === 0) return false
    if (typeof event.message === 'string') this.#index.run(lastInsertRowid, bigrams(event.message))
    return true
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
