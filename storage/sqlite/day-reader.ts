import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { ThumpEvent } from '../../event/event.ts'
import { asNumber, matchesQuery, valuesAt } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import type { TimeRange } from '../storage.ts'
import { BodyReader } from './bodies.ts'
import { columns } from './columns.ts'
import { type Day, dayPath, startOf } from './day-files.ts'
import { formatVersion, OtherFormatError, versionOf } from './schema.ts'
import { severalId } from './terms.ts'
import { type DayTerms, maxListed, type Sql, toSql } from './to-sql.ts'
import { countWords, matchOf } from './word-counts.ts'

/** Where a page ended: time, sequence, id. */
export type Cursor = readonly [number, number, string]

/** Beyond so many matches, looking at events by time finds a page sooner than sorting them all. */
const manyMatches = 5000
/** So many buckets are counted one by one in an index; more are grouped in one pass. */
const fewBuckets = 1500
const dayMs = 86_400_000

/** One day's file, open for reading; also beside the process that writes it. */
export class DayReader {
  readonly #database: DatabaseSync
  readonly #bodies: BodyReader
  readonly #terms: DayTerms
  readonly #path: string
  readonly #inode: number
  readonly #startMs: number

  constructor(dir: string, day: Day) {
    this.#path = dayPath(dir, day)
    this.#startMs = startOf(day)
    this.#inode = statSync(this.#path).ino
    this.#database = new DatabaseSync(this.#path, { readOnly: true })
    try {
      this.#database.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -4000')
      const version = versionOf(this.#database)
      if (version !== 0 && version !== formatVersion) throw new OtherFormatError(version)
      this.#bodies = new BodyReader(this.#database)
      this.#terms = termsOf(this.#database)
      this.#addFunctions()
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** Is it still the file of that name, not one that was removed or set aside? */
  isCurrent(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode
  }

  page(
    query: QueryNode,
    range: TimeRange,
    { sort, limit, after }: { sort: 'asc' | 'desc'; limit: number; after: Cursor | undefined },
  ): Array<{ cursor: Cursor; json: string }> {
    const [sign, order] = sort === 'asc' ? ['>', 'ASC'] : ['<', 'DESC']
    const where = this.#where(query, range)
    const from = after ? `AND (at_ms, seq, id) ${sign} (?, ?, ?)` : ''
    const by = this.#isFrequent(query, where) ? 'INDEXED BY by_time' : ''
    const rows = this.#all<{ rowid: number; at_ms: number; seq: number; id: string }>(
      `SELECT rowid, at_ms, seq, id FROM events ${by} WHERE ${where.text} ${from}
       ORDER BY at_ms ${order}, seq ${order}, id ${order} LIMIT ?`,
      [...where.params, ...(after ?? []), limit],
    )
    return rows.map(({ rowid, at_ms, seq, id }) => ({ cursor: [at_ms, seq, id], json: this.#bodies.json(rowid) }))
  }

  count(query: QueryNode, range: TimeRange): number {
    const byWords = this.#byWords(query, range, Number.MAX_SAFE_INTEGER)
    if (byWords) return [...byWords.values()].reduce((sum, count) => sum + count, 0)
    const where = this.#where(query, range)
    // Events that must be read are read as they lie: in the order of another index every one would be a pack of its own.
    const by = !isByIndex(where) && where.text.includes('thump_') ? 'INDEXED BY by_time' : ''
    const sql = `SELECT count(*) AS count FROM events ${by} WHERE ${where.text}`
    return this.#all<{ count: number }>(sql, where.params)[0]?.count as number
  }

  /** All values with the number of events that have them: days are added up before the largest are chosen. */
  values(path: string, query: QueryNode, range: TimeRange): Map<string, number> {
    const where = this.#where(query, range)
    const column = columns[path]
    const counts = new Map<string, number>()
    if (column !== undefined) {
      const grouped = this.#all<{ text: string; count: number }>(
        `SELECT (SELECT text FROM terms WHERE terms.id = ${column}) AS text, count(*) AS count FROM events
         WHERE ${where.text} AND ${column} IS NOT NULL AND ${column} <> ${severalId} GROUP BY ${column}`,
        where.params,
      )
      for (const { text, count } of grouped) counts.set(text, count)
      if (!this.#terms.hasSeveral()) return counts
    }
    const rest = column === undefined ? '1' : `${column} = ${severalId}`
    const rows = this.#database.prepare(`SELECT rowid FROM events WHERE ${where.text} AND ${rest} ORDER BY rowid`)
    for (const row of rows.iterate(...where.params)) {
      const values = valuesAt(this.#event(row['rowid'] as number), path).filter((value) => typeof value !== 'object')
      for (const value of new Set(values.map(String))) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    return counts
  }

  /** Buckets begin at multiples of `bucketMs` since the epoch; only those that hold something. */
  histogram(query: QueryNode, range: TimeRange, bucketMs: number): Array<{ atMs: number; count: number }> {
    const byWords = this.#byWords(query, range, bucketMs)
    if (byWords) return Array.from(byWords, ([bucket, count]) => ({ atMs: bucket * bucketMs, count }))
    const first = Math.floor(Math.max(range.sinceMs ?? this.#startMs, this.#startMs) / bucketMs)
    const last = Math.floor((Math.min(range.untilMs ?? Infinity, this.#startMs + dayMs) - 1) / bucketMs)
    const where = this.#where(query, range)
    if (last - first < fewBuckets && !/thump_|words/.test(where.text)) {
      const one = this.#database.prepare(
        `SELECT count(*) AS count FROM events WHERE ${where.text} AND at_ms >= ? AND at_ms < ?`,
      )
      return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * bucketMs)
        .map((atMs) => ({ atMs, count: one.get(...where.params, atMs, atMs + bucketMs)?.['count'] as number }))
        .filter(({ count }) => count > 0)
    }
    const grouped = this.#all<{ rest: number; count: number }>(
      `SELECT CAST((at_ms - ?) / ? AS INTEGER) AS rest, count(*) AS count FROM events WHERE ${where.text} GROUP BY rest`,
      [first * bucketMs, bucketMs, ...where.params],
    )
    return grouped.map(({ rest, count }) => ({ atMs: (first + rest) * bucketMs, count }))
  }

  /** By bucket, where the full-text index alone can tell. */
  #byWords(query: QueryNode, range: TimeRange, bucketMs: number): ReadonlyMap<number, number> | undefined {
    const match = matchOf(query)
    if (match === undefined) return undefined
    const sinceMs = Math.max(range.sinceMs ?? this.#startMs, this.#startMs)
    const untilMs = Math.min(range.untilMs ?? Infinity, this.#startMs + dayMs)
    // Between two statements the writer may write.
    this.#database.exec('BEGIN')
    try {
      return countWords(this.#database, match, { sinceMs, untilMs }, bucketMs)
    } finally {
      this.#database.exec('COMMIT')
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #all<T>(sql: string, params: Sql['params']): T[] {
    return this.#database.prepare(sql).all(...params) as unknown as T[]
  }

  #where(query: QueryNode, { sinceMs, untilMs }: TimeRange): Sql {
    const { text, params } = toSql(query, this.#terms)
    // A bound that all of the day meets is left out: most questions can then be answered by an index alone.
    const since = sinceMs !== undefined && sinceMs > this.#startMs ? [sinceMs] : []
    const until = untilMs !== undefined && untilMs < this.#startMs + dayMs ? [untilMs] : []
    const bounds = `${since.length > 0 ? ' AND at_ms >= ?' : ''}${until.length > 0 ? ' AND at_ms < ?' : ''}`
    return { text: `${text}${bounds}`, params: [...params, ...since, ...until] }
  }

  /** Only for what an index finds; where events must be read, time order is the way in any case. */
  #isFrequent(query: QueryNode, where: Sql): boolean {
    if (query.kind === 'all') return true
    if (!isByIndex(where)) return true
    if (/^\w+ = \d+( AND at_ms [<>]=? \?)*$/.test(where.text)) return false
    const some = `SELECT count(*) AS count FROM (SELECT 1 FROM events WHERE ${where.text} LIMIT ${manyMatches})`
    return this.#all<{ count: number }>(some, where.params)[0]?.count === manyMatches
  }

  #event(rowid: number): ThumpEvent {
    return JSON.parse(this.#bodies.json(rowid)) as ThumpEvent
  }

  #addFunctions(): void {
    const nodes = new Map<string, QueryNode>()
    this.#database.function('thump_matches', (text, rowid) => {
      const key = String(text)
      let node = nodes.get(key)
      if (!node) nodes.set(key, (node = JSON.parse(key) as QueryNode))
      return matchesQuery(node, this.#event(Number(rowid))) ? 1 : 0
    })
    this.#database.function('thump_number', { deterministic: true }, (text) => asNumber(text) ?? null)
  }
}

/** Does an index find some of it: a column's terms, or words? */
function isByIndex({ text }: Sql): boolean {
  return /= \d|IN \(/.test(text)
}

function termsOf(database: DatabaseSync): DayTerms {
  const several = database.prepare('SELECT 1 FROM terms WHERE id = ?')
  return {
    find: ({ text, params }) =>
      database
        .prepare(`SELECT id FROM terms WHERE id <> ${severalId} AND ${text} LIMIT ${maxListed + 1}`)
        .all(...params)
        .map(({ id }) => id as number),
    hasSeveral: () => several.get(severalId) !== undefined,
  }
}
