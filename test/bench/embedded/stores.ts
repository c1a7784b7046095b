import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseQuery } from '../../../storage/query/parse.ts'
import type { QueryNode } from '../../../storage/query/query.ts'
import { DaysReader } from '../../../storage/sqlite/read-days.ts'
import { DaysWriter } from '../../../storage/sqlite/write-days.ts'
import type { StoreItem } from '../../../storage/storage.ts'
import { dayMs, firstDayMs, itemsOf, type Load } from './events.ts'

export const bulk = 2000

export function sizeOf(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
}

export function queryOf(text: string): QueryNode {
  const parsed = parseQuery(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.query
}

/** Milliseconds of the second call: the first one warms up. */
export async function warmMs(work: () => unknown): Promise<number> {
  await work()
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Writes the whole load in bulks; what making the events costs is left out. */
export async function fill(load: Load, write: (items: readonly StoreItem[]) => unknown) {
  const used = { cpuUs: 0, wallMs: 0 }
  for (let from = 0; from < load.events; from += bulk) {
    const items = itemsOf(load, from, bulk)
    const cpu = process.cpuUsage()
    const started = performance.now()
    await write(items)
    const { user, system } = process.cpuUsage(cpu)
    used.cpuUs += user + system
    used.wallMs += performance.now() - started
  }
  return { 'a CPU second': (load.events * 1e6) / used.cpuUs, 'a second': (load.events * 1000) / used.wallMs }
}

export async function fillDays(dir: string, load: Load) {
  const writer = new DaysWriter({ dir, retentionMs: 1e15, maxBytes: 1e15 })
  const speed = await fill(load, (items) => {
    const values = new Uint8Array(Buffer.concat(items.map(({ value }) => value)))
    const heads = items.map(({ topic, id, atMs, value }) => ({ topic, id, atMs, bytes: value.length }))
    writer.write({ op: 'write', values, items: heads })
  })
  writer.close()
  return { store: 'days', events: load.events, ...speed, 'bytes an event': sizeOf(dir) / load.events }
}

/** What one would write in an afternoon: one table, the JSON, an index by time, LIKE. */
export async function fillNaive(dir: string, load: Load) {
  mkdirSync(dir)
  const database = new DatabaseSync(join(dir, 'naive.db'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE events (id TEXT PRIMARY KEY, at_ms INTEGER, json TEXT); CREATE INDEX t ON events (at_ms)')
  const insert = database.prepare('INSERT OR IGNORE INTO events VALUES (?, ?, ?)')
  const speed = await fill(load, (items) => {
    database.exec('BEGIN')
    for (const { id, atMs, value } of items) insert.run(id, atMs, value.toString())
    database.exec('COMMIT')
  })
  database.close()
  return { store: 'naive', events: load.events, ...speed, 'bytes an event': sizeOf(dir) / load.events }
}

export function naiveCount(dir: string, like: readonly string[], range: { sinceMs: number; untilMs: number }): number {
  const database = new DatabaseSync(join(dir, 'naive.db'), { readOnly: true })
  try {
    const where = like.map(() => 'AND json LIKE ?').join(' ')
    const sql = `SELECT count(*) AS count FROM events WHERE at_ms >= ? AND at_ms < ? ${where}`
    return database.prepare(sql).get(range.sinceMs, range.untilMs, ...like)?.['count'] as number
  } finally {
    database.close()
  }
}

/** The last day of the load, and all of it. */
export const rangesOf = ({ days }: Load) => ({
  day: { sinceMs: firstDayMs + (days - 1) * dayMs, untilMs: firstDayMs + days * dayMs },
  all: { sinceMs: firstDayMs, untilMs: firstDayMs + days * dayMs },
})

/** Query, and what LIKE would be asked. */
export const asked: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['', []],
  ['log.level: error', ['%"level":"error"%']],
  ['amqp.operation: queue.delete and user.name: app-8', ['%"operation":"queue.delete"%', '%"name":"app-8"%']],
  ['rabbitmq.queue: order.*', ['%"queue":"order.%']],
  ['카드론', ['%카드론%']],
  ['응답하지', ['%응답하지%']],
  ['created', ['%created%']],
  ['accepting', ['%accepting%']],
  ['order.created.v2', ['%order.created.v2%']],
]

export async function searchDays(dir: string, load: Load) {
  const { day, all } = rangesOf(load)
  const coldStarted = performance.now()
  const reader = new DaysReader({ dir, retentionMs: 1e15, maxBytes: 1e15 })
  reader.search({ op: 'search', query: { kind: 'all' }, range: day, sort: 'desc', limit: 100 })
  const coldMs = performance.now() - coldStarted
  const rows: Array<Record<string, string | number>> = []
  for (const [text] of asked) {
    const query = queryOf(text)
    const newest = { op: 'search', query, range: all, sort: 'desc', limit: 100 } as const
    rows.push({
      query: text || '(all)',
      'in the day': reader.count({ op: 'count', query, range: day }).count,
      'count a day ms': await warmMs(() => reader.count({ op: 'count', query, range: day })),
      'newest 100 of all ms': await warmMs(() => reader.search(newest)),
      'histogram of all ms': await warmMs(() =>
        reader.histogram({ op: 'histogram', query, range: all, bucketMs: dayMs }),
      ),
      'by the hour ms': await warmMs(() =>
        reader.histogram({ op: 'histogram', query, range: all, bucketMs: dayMs / 24 }),
      ),
    })
  }
  const rssMiB = process.memoryUsage.rss() / 2 ** 20
  reader.close()
  return { rows, coldMs, rssMiB }
}
