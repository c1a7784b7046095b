import { mkdirSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { bigrams } from './bigrams.ts'
import { BodyReader, BodyWriter } from './bodies.ts'
import { columnValues } from './columns.ts'
import { type Day, dayPath } from './day-files.ts'
import { automerge, columnNames, ensureSchema } from './schema.ts'
import { TermWriter } from './terms.ts'

/** One event as the worker is given it. */
export interface Row {
  readonly topic: string
  readonly id: string
  readonly atMs: number
  readonly json: string
}

// Committed means on disk: the offset that follows must never be ahead of the event. The first is taken by a new file only.
const settings = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -32000;`
const pageBytes = 4096

/** One day's file, open for writing. */
export class DayWriter {
  readonly #database: DatabaseSync
  readonly #terms: TermWriter
  readonly #insert: StatementSync
  readonly #bodies: BodyWriter
  readonly #words: StatementSync

  /** `logPages`: how many pages its write-ahead log holds before they are moved into the file. */
  constructor(dir: string, day: Day, logPages: number) {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    this.#database = new DatabaseSync(dayPath(dir, day))
    try {
      this.#database.exec(settings)
      this.#database.exec(
        `PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA journal_size_limit = ${logPages * pageBytes}`,
      )
      ensureSchema(this.#database)
      const names = ['at_ms', 'seq', 'topic', ...columnNames, 'id']
      const marks = names.map(() => '?').join(', ')
      this.#insert = this.#database.prepare(`INSERT OR IGNORE INTO events (${names.join(', ')}) VALUES (${marks})`)
      this.#bodies = new BodyWriter(this.#database)
      this.#words = this.#database.prepare('INSERT INTO words (rowid, text) VALUES (?, ?)')
      this.#terms = new TermWriter(this.#database)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** All or none; per row whether it was new. */
  write(rows: readonly Row[]): boolean[] {
    return this.#transaction(() => {
      const fresh = rows.map((row) => this.#add(row))
      this.#bodies.flush()
      return fresh
    })
  }

  /** Takes out what arrived first: the file does not shrink, but what comes next needs no more room. Returns how many. */
  trim(rows: number): number {
    return this.#transaction(() => {
      const from = Object.values(this.#database.prepare('SELECT min(rowid) FROM events').get() ?? {})[0] as
        | number
        | null
      if (from === null) return 0
      // A pack goes as a whole: up to the last one that begins within so many rows.
      const pack = this.#database.prepare('SELECT max(first) AS first FROM bodies WHERE first > ? AND first <= ?')
      const until = (pack.get(from, from + rows) as { first: number | null }).first
      if (until === null) return 0
      // Each row that goes would count as a page written, and much be merged at once: that is left to what is written next.
      this.#database.exec("INSERT INTO words (words, rank) VALUES ('automerge', 0)")
      for (const table of ['words', 'events']) this.#database.prepare(`DELETE FROM ${table} WHERE rowid < ?`).run(until)
      this.#database.prepare('DELETE FROM bodies WHERE first < ?').run(until)
      this.#database.exec(automerge)
      return until - from
    })
  }

  /** Gives what was freed back to the disk: for a day that little is still written to. */
  shrink(): void {
    this.#database.exec('PRAGMA incremental_vacuum')
  }

  /** Makes the full-text index anew from the events, all or nothing; of how many. */
  rebuildWords(): number {
    return this.#transaction(() => {
      this.#database.exec("INSERT INTO words (words) VALUES ('delete-all')")
      const bodies = new BodyReader(this.#database)
      let events = 0
      for (const row of this.#database.prepare('SELECT rowid FROM events ORDER BY rowid').iterate()) {
        const rowid = row['rowid'] as number
        this.#addWords(rowid, (JSON.parse(bodies.json(rowid)) as { message?: unknown }).message)
        events++
      }
      return events
    })
  }

  /** Of its file, once its log is moved into it. */
  fileBytes(): number {
    return this.#pages('page_count') * pageBytes
  }

  /** Of that, what was freed and waits for new events. */
  freeBytes(): number {
    return this.#pages('freelist_count') * pageBytes
  }

  #pages(name: 'page_count' | 'freelist_count'): number {
    return Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number
  }

  /** Moves the log into the file as far as nobody reads it; the rest is safe where it is. Was it all? */
  checkpoint(): boolean {
    try {
      this.#database.exec('PRAGMA busy_timeout = 0')
      const row = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
      return row?.['busy'] === 0
    } catch {
      // It comes again.
      return false
    } finally {
      this.#database.exec('PRAGMA busy_timeout = 5000')
    }
  }

  close(): void {
    if (!this.#database.isOpen) return
    // A reader beside may keep the file open: its log need not stay with it.
    this.checkpoint()
    this.#database.close()
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      this.#terms.forget()
      this.#bodies.forget()
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #add({ topic, id, atMs, json }: Row): boolean {
    const event = JSON.parse(json) as Record<string, unknown> & { event?: { sequence?: unknown } }
    const sequence = typeof event.event?.sequence === 'number' ? event.event.sequence : 0
    const terms = columnValues(event).map((value) => this.#terms.idOf(value))
    const added = this.#insert.run(atMs, sequence, this.#terms.idOf(topic), ...terms, id)
    if (added.changes === 0) return false
    this.#bodies.add(Number(added.lastInsertRowid), atMs, json)
    this.#addWords(added.lastInsertRowid, event['message'])
    return true
  }

  #addWords(rowid: number | bigint, message: unknown): void {
    if (typeof message === 'string') this.#words.run(rowid, bigrams(message))
  }
}
