import { DatabaseSync } from 'node:sqlite'
import type { ThumpEvent } from '../../event/event.ts'
import { matchesQuery } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import { columns } from './columns.ts'
import { type Day, dayPath } from './day-files.ts'
import type { Sql } from './to-sql.ts'

/** Where a page ended: time, sequence, id. */
export type Cursor = readonly [number, number, string]

export interface DayRange {
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** One day's file, open for reading; also beside the process that writes it. */
export class DayReader {
  readonly #database: DatabaseSync

  constructor(dir: string, day: Day) {
    this.#database = new DatabaseSync(dayPath(dir, day), { readOnly: true })
    this.#database.exec('PRAGMA busy_timeout = 5000')
    const nodes = new Map<string, QueryNode>()
    this.#database.function('thump_matches', { deterministic: true }, (text, json) => {
      const key = String(text)
      let node = nodes.get(key)
      if (!node) nodes.set(key, (node = JSON.parse(key) as QueryNode))
      return matchesQuery(node, JSON.parse(String(json)) as ThumpEvent) ? 1 : 0
    })
  }

  page(
    where: Sql,
    range: DayRange,
    sort: 'asc' | 'desc',
    limit: number,
    after?: Cursor,
  ): Array<{ cursor: Cursor; json: string }> {
    const [sign, order] = sort === 'asc' ? ['>', 'ASC'] : ['<', 'DESC']
    const bounds = boundsOf(range)
    const from = after ? `AND (at_ms, seq, id) ${sign} (?, ?, ?)` : ''
    const rows = this.#database
      .prepare(
        `SELECT at_ms, seq, id, json FROM events WHERE ${bounds.text} AND ${where.text} ${from}
         ORDER BY at_ms ${order}, seq ${order}, id ${order} LIMIT ?`,
      )
      .all(...bounds.params, ...where.params, ...(after ?? []), limit) as unknown as Array<{
      at_ms: number
      seq: number
      id: string
      json: string
    }>
    return rows.map(({ at_ms, seq, id, json }) => ({ cursor: [at_ms, seq, id], json }))
  }

  count(where: Sql, range: DayRange): number {
    const bounds = boundsOf(range)
    const row = this.#database
      .prepare(`SELECT count(*) AS count FROM events WHERE ${bounds.text} AND ${where.text}`)
      .get(...bounds.params, ...where.params) as { count: number }
    return row.count
  }

  /** All values with their counts: days are added up before the largest are chosen. */
  values(path: string, where: Sql, range: DayRange): Array<{ value: string; count: number }> {
    const bounds = boundsOf(range)
    const column = columns[path]
    const json = `$.${path
      .split('.')
      .map((part) => `"${part.replaceAll('"', '')}"`)
      .join('.')}`
    const rows = this.#database
      .prepare(
        `SELECT json_extract(json, ?) AS value, count(*) AS count FROM events
         WHERE ${bounds.text} AND ${where.text} AND ${column === undefined ? 'value IS NOT NULL' : `${column} IS NOT NULL`}
         GROUP BY ${column ?? 'value'}`,
      )
      .all(json, ...bounds.params, ...where.params) as unknown as Array<{ value: unknown; count: number }>
    return rows.map(({ value, count }) => ({ value: String(value), count }))
  }

  /** Buckets begin at multiples of `bucketMs` since the epoch. */
  histogram(where: Sql, range: DayRange, bucketMs: number): Array<{ atMs: number; count: number }> {
    const bounds = boundsOf(range)
    // Numbers are bound as REAL: without the cast this would be no integer division.
    const rows = this.#database
      .prepare(
        `SELECT CAST(at_ms / ? AS INTEGER) AS bucket, count(*) AS count FROM events
         WHERE ${bounds.text} AND ${where.text} GROUP BY bucket ORDER BY bucket`,
      )
      .all(bucketMs, ...bounds.params, ...where.params) as unknown as Array<{ bucket: number; count: number }>
    return rows.map(({ bucket, count }) => ({ atMs: bucket * bucketMs, count }))
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

function boundsOf({ sinceMs, untilMs }: DayRange): Sql {
  const parts = [sinceMs !== undefined && 'at_ms >= ?', untilMs !== undefined && 'at_ms < ?'].filter(
    (part) => part !== false,
  )
  const params = [sinceMs, untilMs].filter((bound) => bound !== undefined)
  return { text: parts.length === 0 ? '1' : parts.join(' AND '), params }
}
