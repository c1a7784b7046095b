import type { DatabaseSync } from 'node:sqlite'
import { bigrams } from './bigrams.ts'

/** All places of a term, added up in ways that one changed bit cannot leave as they were. */
interface Sums {
  count: number
  rows: number
  places: number
  mixed: number
}

const rowBits = 4095

/** What the full-text index should say, as it follows from the events themselves, in whatever order they are added. */
export class ExpectedWords {
  readonly #terms = new Map<string, Sums>()

  add(rowid: number, message: unknown): void {
    if (typeof message !== 'string') return
    const text = bigrams(message)
    if (text === '') return
    for (const [place, term] of text.split(' ').entries()) {
      let sums = this.#terms.get(term)
      if (!sums) this.#terms.set(term, (sums = { count: 0, rows: 0, places: 0, mixed: 0 }))
      sums.count++
      sums.rows += rowid
      sums.places += place
      sums.mixed += (rowid & rowBits) * (place + 1)
    }
  }

  /** How many terms the index, read in one go, has otherwise; of rows up to `lastRow`. Throws where it cannot be read. */
  differences(database: DatabaseSync, lastRow: number): number {
    database.exec('CREATE VIRTUAL TABLE IF NOT EXISTS temp.places USING fts5vocab(main, words, instance)')
    const found = database.prepare(
      `SELECT term, count(*) AS count, sum(doc) AS rows, sum("offset") AS places,
         sum((doc & ${rowBits}) * ("offset" + 1)) AS mixed
       FROM temp.places WHERE doc <= ? GROUP BY term`,
    )
    let [same, other] = [0, 0]
    for (const row of found.iterate(lastRow)) {
      const sums = this.#terms.get(row['term'] as string)
      const { count, rows, places, mixed } = row as unknown as Sums
      const isSame = sums?.count === count && sums.rows === rows && sums.places === places && sums.mixed === mixed
      if (isSame) same++
      else other++
    }
    return Math.max(other, this.#terms.size - same)
  }
}
