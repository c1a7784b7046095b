import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import type { ThumpEvent } from '../../../event/event.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { type DayResult, exportDays } from '../../../storage/export/export-days.ts'
import type { ExportFormat } from '../../../storage/export/day-file.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { eventually } from '../../servers/eventually.ts'
import { thump } from '../../servers/run-thump.ts'
import { openAt } from '../transport/embedded-setup.ts'
import { itemOf, query } from './conformance.ts'
import { beside, freshPrefix, ready } from './elasticsearch-harness.ts'

const never = new AbortController().signal
const days = ['2026-11-20', '2026-11-21', '2026-11-22']
const nowMs = Date.parse('2026-11-25T00:00:00Z')

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'thump-export-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function sqliteIn(dir: string) {
  const options = { dir: join(dir, 'events'), retentionMs: 1e13, maxBytes: 1e12, mode: 'write' } as const
  const started = await createSqliteStorage(options, {
    log: silentLogger,
    metrics: createMetrics(),
    now: systemClock,
  })
  onTestFinished(started.stop)
  return started.value
}

/** Two full days and an empty one between: several pages, equal times, Korean. */
const story = ['2026-11-20', '2026-11-22'].flatMap((day, which) =>
  Array.from({ length: 4500 - which * 4000 }, (_, number) =>
    itemOf(`${day}-${number}`, Date.parse(`${day}T00:00:00Z`) + Math.floor(number / 3) * 1000, {
      message: `주문 ${number} "quoted"`,
      user: { name: number % 2 === 0 ? 'even' : '=odd()' },
      event: { id: '', dataset: 'rabbitmq.log', sequence: number % 3 },
    }),
  ),
)

async function run(
  search: EventSearch,
  out: string,
  extra: { format?: ExportFormat; query?: string; isForced?: boolean; nowMs?: number } = {},
): Promise<DayResult[]> {
  const { format = 'ndjson', query: queryText = '', isForced = false } = extra
  const request = { days, query: query(queryText), queryText, format, out, isForced }
  const results: DayResult[] = []
  const deps = { search, nowMs: extra.nowMs ?? nowMs, onProgress: () => {} }
  for await (const result of exportDays(request, deps, never)) results.push(result)
  return results
}

const kindsOf = (results: readonly DayResult[]) => results.map(({ kind }) => kind)
const contentOf = (out: string) =>
  Object.fromEntries(
    readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [
        join(entry.parentPath, entry.name).slice(out.length),
        readFileSync(join(entry.parentPath, entry.name)),
      ]),
  )

test.each(['ndjson', 'csv', 'parquet'] as const)(
  'the same days exported twice as %s are the same bytes, from SQLite and from Elasticsearch',
  async (format) => {
    const dir = folder()
    const sqlite = await sqliteIn(dir)
    const prefix = freshPrefix()
    const client = beside(prefix)
    const elasticsearch = await ready(prefix)
    for (const { store } of [sqlite, elasticsearch])
      for (let from = 0; from < story.length; from += 1000) await store.write(story.slice(from, from + 1000), never)
    await client.indices.refresh({ index: `${prefix}-*` })
    const outs = ['one', 'two', 'three'].map((name) => join(dir, name))
    expect(kindsOf(await run(sqlite.search, outs[0] ?? '', { format }))).toEqual(['written', 'empty', 'written'])
    await run(sqlite.search, outs[1] ?? '', { format })
    await run(elasticsearch.search, outs[2] ?? '', { format })
    const [first, second, third] = outs.map(contentOf)
    expect(Object.keys(first ?? {})).toHaveLength(4)
    expect(second).toEqual(first)
    expect(third).toEqual(first)
  },
)

test('started again it leaves whole days alone, and writes the half, the changed and the forced ones', async () => {
  const dir = folder()
  const { store, search } = await sqliteIn(dir)
  await store.write(story, never)
  const out = join(dir, 'out')
  await run(search, out)
  expect(kindsOf(await run(search, out))).toEqual(['unchanged', 'empty', 'unchanged'])
  // As a kill in the middle leaves it: a half under its own name, and the file of the other day cut off.
  writeFileSync(join(out, 'day=2026-11-20/_events.ndjson.999999999.part'), 'half')
  writeFileSync(join(out, 'day=2026-11-22/events.ndjson'), 'half')
  expect(kindsOf(await run(search, out))).toEqual(['unchanged', 'empty', 'written'])
  expect(kindsOf(await run(search, out, { isForced: true }))).toEqual(['written', 'empty', 'written'])
  expect(readdirSync(join(out, 'day=2026-11-20'))).toEqual(['_events.ndjson.json', 'events.ndjson'])
  // An agent that was offline brings events of a day that was exported before.
  await store.write([itemOf('late', Date.parse('2026-11-21T05:00:00Z'))], never)
  expect(kindsOf(await run(search, out))).toEqual(['unchanged', 'written', 'unchanged'])
  expect(kindsOf(await run(search, out, { query: 'user.name: even' }))).toEqual(['written', 'empty', 'written'])
})

test('a day that is not over is written, and written anew when it is', async () => {
  const dir = folder()
  const { store, search } = await sqliteIn(dir)
  await store.write(story, never)
  const out = join(dir, 'out')
  const early = { nowMs: Date.parse('2026-11-22T12:00:00Z') }
  const [, , today] = await run(search, out, early)
  expect(today).toMatchObject({ kind: 'written', manifest: { isWhole: false, events: 500 } })
  expect(kindsOf(await run(search, out))).toEqual(['unchanged', 'empty', 'written'])
})

test('a day that cannot be read fails by name and leaves what was exported before; the others are written', async () => {
  const dir = folder()
  const { store, search } = await sqliteIn(dir)
  await store.write(story, never)
  const out = join(dir, 'out')
  await run(search, out)
  const before = contentOf(out)
  writeFileSync(join(dir, 'events/2026-11-21.db'), Buffer.alloc(8192, 'x'))
  const results = await run(search, out, { isForced: true })
  expect(kindsOf(results)).toEqual(['written', 'failed', 'written'])
  expect(String((results[1] as { error: unknown }).error)).toContain(
    'cannot be read: 2026-11-21 (file is not a database)',
  )
  expect(contentOf(out)).toEqual(before)
})

test('each export is an event with its reason, also while another process owns the log', async () => {
  const dir = folder()
  const config = stringify({ dataDir: dir })
  const { store } = await sqliteIn(dir)
  await store.write(story, never)
  const log = await openAt(join(dir, 'log'), { partitions: 1 })
  onTestFinished(log.stop)
  const audits: ThumpEvent[] = []
  await log.value.createConsumer(
    { role: 'audit', topics: ['THUMP'], startAt: 'beginning' },
    {
      records: ({ records }) => {
        audits.push(...records.map(({ value }) => JSON.parse(value.toString()) as ThumpEvent))
        return Promise.resolve()
      },
    },
  )
  const args = ['export', '--from', '2026-11-20', '--to', '2026-11-22', '--out', 'out', '--reason', 'ticket 4711']
  const { code, stderr } = await thump(args, { config, cwd: dir })
  expect(stderr).toContain('2026-11-20  4,500 events')
  expect(stderr).toContain(`5,000 events of 3 days in ${join(dir, 'out')}`)
  expect(code).toBe(0)
  await eventually(() => audits.length === 2, { what: 'both audit events' })
  expect(audits.map(({ event }) => event.action)).toEqual(['export.started', 'export.finished'])
  expect(audits[1]).toMatchObject({
    event: { dataset: 'thump.audit', outcome: 'success' },
    user: { name: expect.any(String) },
    thump: { export: { from: '2026-11-20', to: '2026-11-22', format: 'ndjson', reason: 'ticket 4711', events: 5000 } },
  })
  expect(existsSync(join(dir, 'out/day=2026-11-22/events.ndjson'))).toBe(true)
})

test('what cannot be recorded is not exported', async () => {
  const dir = folder()
  mkdirSync(join(dir, 'log'))
  // A file stands where the record would lie.
  writeFileSync(join(dir, 'log/inbox'), '')
  const args = ['export', '--from', '2026-11-20', '--to', '2026-11-22', '--out', 'out', '--reason', 'x']
  const { code, stderr } = await thump(args, { config: stringify({ dataDir: dir }), cwd: dir })
  expect(code).toBe(1)
  expect(stderr).toContain('log/inbox takes no records')
  expect(existsSync(join(dir, 'out'))).toBe(false)
})
