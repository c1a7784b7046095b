import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { type DayMigrated, migrateDays } from '../../../storage/migrate/migrate-days.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import type { EventStore } from '../../../storage/storage.ts'
import { itemOf, query } from './conformance.ts'
import { beside, freshPrefix, indicesOf, ready } from './elasticsearch-harness.ts'
import { itemAt } from './sqlite-story.ts'

const never = new AbortController().signal

async function sqliteDays() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-migrate-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const { value, stop } = await createSqliteStorage(
    { dir: join(dir, 'events'), retentionMs: 1e13, maxBytes: 1e12, mode: 'write' },
    { log: silentLogger, metrics: createMetrics(), now: systemClock },
  )
  onTestFinished(stop)
  return { dir, events: join(dir, 'events'), ...value }
}

async function run(dir: string, store: EventStore, signal = never): Promise<DayMigrated[]> {
  const results: DayMigrated[] = []
  const migrating = migrateDays(
    {
      dir: join(dir, 'events'),
      store,
      journalPath: join(dir, 'journal.json'),
      target: 'there',
      onProgress: () => {},
      onRefused: () => {},
      onAway: () => {},
    },
    signal,
  )
  for await (const result of migrating) results.push(result)
  return results
}

test('every stored event is found in Elasticsearch, in the index of its topic and day; again carries only what is new', async () => {
  const { dir, store, search } = await sqliteDays()
  const items = Array.from({ length: 5000 }, (_, number) => itemAt(number))
  const operation = itemOf('op', Date.parse('2026-11-21T10:00:00Z'), { amqp: { operation: 'queue.delete' } })
  await store.write([...items, operation], never)
  const prefix = freshPrefix()
  const client = beside(prefix)
  const target = await ready(prefix)
  expect(await run(dir, target.store)).toEqual([
    { kind: 'carried', day: '2026-11-20', stored: 360, present: 0, refused: 0 },
    { kind: 'carried', day: '2026-11-21', stored: 4321, present: 0, refused: 0 },
    { kind: 'carried', day: '2026-11-22', stored: 320, present: 0, refused: 0 },
  ])
  await client.indices.refresh({ index: `${prefix}-*` })
  expect(await indicesOf(client, prefix)).toEqual(
    [20, 21, 22]
      .map((day) => `${prefix}-app-2026.11.${day}`)
      .concat(`${prefix}-amqp-2026.11.21`)
      .toSorted(),
  )
  for (const text of ['', '주문-17', 'user.name: app-3', 'amqp.operation: *'])
    expect(await target.search.count(query(text), {}, never)).toBe(await search.count(query(text), {}, never))
  await store.write([itemAt(6000)], never)
  const again = await run(dir, target.store)
  expect(again.map((result) => result.kind === 'carried' && result.stored)).toEqual([0, 0, 1])
  // Without its journal it carries all, and Elasticsearch has it already.
  rmSync(join(dir, 'journal.json'))
  const anew = await run(dir, target.store)
  expect(anew.map((result) => result.kind === 'carried' && [result.stored, result.present])).toEqual([
    [0, 360],
    [0, 4321],
    [0, 321],
  ])
})

test('a day that cannot be read is named, and the rest is carried', async () => {
  const { dir, events, store } = await sqliteDays()
  await store.write(
    Array.from({ length: 500 }, (_, number) => itemAt(number)),
    never,
  )
  writeFileSync(join(events, '2026-11-19.db'), Buffer.alloc(8192, 'x'))
  const target = await sqliteDays()
  const results = await run(dir, target.store)
  expect(results.map(({ kind, day }) => `${day} ${kind}`)).toEqual([
    '2026-11-19 failed',
    '2026-11-20 carried',
    '2026-11-21 carried',
  ])
  expect(await target.search.count({ kind: 'all' }, {}, never)).toBe(500)
})

test('broken off between two bulks it goes on there', async () => {
  const { dir, store } = await sqliteDays()
  await store.write(
    Array.from({ length: 4000 }, (_, number) => itemAt(number)),
    never,
  )
  const target = await sqliteDays()
  const stopping = new AbortController()
  let writes = 0
  const breaking: EventStore = {
    ...target.store,
    write: (items, signal) => {
      if (++writes === 3) stopping.abort(new Error('broken off'))
      return target.store.write(items, signal)
    },
  }
  await expect(run(dir, breaking, stopping.signal)).rejects.toThrow('broken off')
  await run(dir, target.store)
  expect(await target.search.count({ kind: 'all' }, {}, never)).toBe(4000)
})
