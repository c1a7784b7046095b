import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createSqliteStorage, type SqliteOptions } from '../../../storage/sqlite/sqlite-storage.ts'
import { describeStorage, itemOf, query } from './conformance.ts'

const never = new AbortController().signal
const far = 100 * 365 * 86_400_000
const open = (dir: string, extra: Partial<SqliteOptions> = {}) =>
  createSqliteStorage(
    { dir, retentionMs: far, maxBytes: 2 ** 40, mode: 'write', ...extra },
    { log: silentLogger, metrics: createMetrics(), now: systemClock },
  )

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'thump-sqlite-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

describeStorage('sqlite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-sqlite-'))
  const { value, stop } = await open(dir)
  return {
    storage: value,
    refresh: async () => {},
    async close() {
      await stop()
      rmSync(dir, { recursive: true })
    },
  }
})

const day = Date.parse('2026-11-22T12:00:00Z')

test('another process reads while one writes', async () => {
  const dir = folder()
  const writer = await open(dir)
  const reader = await open(dir, { mode: 'read' })
  await writer.value.store.write([itemOf('one', day)], never)
  expect(await reader.value.search.count({ kind: 'all' }, {}, never)).toBe(1)
  await writer.value.store.write([itemOf('two', day)], never)
  expect(await reader.value.search.count({ kind: 'all' }, {}, never)).toBe(2)
  await reader.stop()
  await writer.stop()
})

test('a damaged day is set aside, and the rest goes on', async () => {
  const dir = folder()
  const first = await open(dir)
  await first.value.store.write([itemOf('yesterday', day - 86_400_000), itemOf('today', day)], never)
  await first.stop()
  writeFileSync(join(dir, '2026-11-22.db'), Buffer.alloc(8192, 0x58))
  const { value, stop } = await open(dir)
  expect(await value.search.count({ kind: 'all' }, {}, never)).toBe(1)
  const [outcome] = await value.store.write([itemOf('again', day)], never)
  expect(outcome).toEqual({ kind: 'retry', reason: 'damaged' })
  expect(await value.store.write([itemOf('again', day)], never)).toEqual([{ kind: 'stored', isDuplicate: false }])
  expect(await value.search.count({ kind: 'all' }, {}, never)).toBe(2)
  expect(readdirSync(dir).some((name) => name.startsWith('2026-11-22.damaged-'))).toBe(true)
  await stop()
})

test('days beyond the age or the size go, the newest stays', async () => {
  const dir = folder()
  const first = await open(dir)
  // More than a megabyte each, however well it is packed.
  const days = [...Array(11).keys(), 400].map((ago) =>
    itemOf(`ago-${ago}`, Date.now() - ago * 86_400_000, { app: { noise: randomBytes(1_200_000).toString('base64') } }),
  )
  await first.value.store.write(days, never)
  await first.stop()
  const aged = await open(dir, { retentionMs: 30 * 86_400_000 })
  await aged.value.store.write([], never)
  expect(await aged.value.search.count(query('message: ago-*'), {}, never)).toBe(11)
  await aged.stop()
  const sized = await open(dir, { maxBytes: 16 * 2 ** 20 })
  await sized.value.store.write([], never)
  const left = await sized.value.search.count(query('message: ago-*'), {}, never)
  expect(left).toBeGreaterThan(3)
  expect(left).toBeLessThan(11)
  expect(await sized.value.search.count(query('message: ago-0'), {}, never)).toBe(1)
  await sized.stop()
})
