import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { fold } from '../query/matches.ts'
import { several } from './columns.ts'

const maxKnown = 50_000

/** Stands for `several`. Its entry is made when it is first needed. */
export const severalId = 0
const severalText = '\u0000several'

/** A day's dictionary: each text once, under a small number, as columns and their indices hold it. */
export class TermWriter {
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #insertSeveral: StatementSync
  readonly #known = new Map<string, number>()

  constructor(database: DatabaseSync) {
    this.#find = database.prepare('SELECT id FROM terms WHERE folded = ? AND text = ?')
    this.#insert = database.prepare('INSERT INTO terms (folded, text) VALUES (?, ?)')
    this.#insertSeveral = database.prepare('INSERT OR IGNORE INTO terms (id, folded, text) VALUES (?, ?, ?)')
  }

  /** Within the caller's transaction. */
  idOf(value: string | undefined | typeof several): number | null {
    if (value === undefined) return null
    if (value === several) return this.#several()
    const known = this.#known.get(value)
    if (known !== undefined) return known
    const folded = fold(value)
    const found = this.#find.get(folded, value) as { id: number } | undefined
    const id = found?.id ?? Number(this.#insert.run(folded, value).lastInsertRowid)
    if (this.#known.size >= maxKnown) this.#known.clear()
    this.#known.set(value, id)
    return id
  }

  #several(): number {
    if (!this.#known.has(severalText)) this.#insertSeveral.run(severalId, severalText, severalText)
    this.#known.set(severalText, severalId)
    return severalId
  }

  /** After a transaction that was taken back: its numbers are no longer true. */
  forget(): void {
    this.#known.clear()
  }
}
