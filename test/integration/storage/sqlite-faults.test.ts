import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createSqliteStorage, type SqliteOptions } from '../../../storage/sqlite/sqlite-storage.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { startSmallDisk } from '../../servers/small-disk.ts'
import { query } from './conformance.ts'
import { itemAt } from './sqlite-story.ts'

const never = new AbortController().signal
const open = (dir: string, extra: Partial<SqliteOptions> = {}) =>
  createSqliteStorage(
    { dir, retentionMs: 1e13, maxBytes: 1e12, mode: 'write', ...extra },
    { log: silentLogger, metrics: createMetrics(), now: systemClock },
  )

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'thump-sqlite-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Stores until it is killed at the `after`th acknowledgement and a little more; returns what was acknowledged. */
function killedWriter(dir: string, from: number, after: number, spin: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sqlite-kill-worker.ts'), dir, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let acknowledged = from
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      text += chunk
      const lines = text.split('\n').slice(0, -1)
      acknowledged = Number(lines.at(-1) ?? from)
      if (lines.length < after) return
      for (let turn = 0; turn < spin; turn++) Math.sqrt(turn)
      child.kill('SIGKILL')
    })
    child.on('exit', () => resolve(acknowledged))
  })
}

async function allIds(search: EventSearch, text: string): Promise<string[]> {
  const ids: string[] = []
  let after: string | undefined
  do {
    const request = { query: query(text), sort: 'asc', limit: 500, ...(after !== undefined && { after }) } as const
    const page = await search.search(request, never)
    ids.push(...page.events.map(({ event }) => event.id))
    after = page.next
  } while (after !== undefined)
  return ids
}

test('kill -9 at any point: what was acknowledged is found exactly once, by word and by field', async () => {
  const dir = folder()
  let seed = 20261124
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32
  let acknowledged = 0
  for (let round = 0; round < 4; round++) {
    // The next one begins a little before: what was in flight comes again.
    const from = Math.max(0, acknowledged - 20)
    acknowledged = await killedWriter(dir, from, 1 + Math.floor(random() * 30), Math.floor(random() * 5e6))
    const { value, stop } = await open(dir, { mode: 'read' })
    const ids = await allIds(value.search, '')
    expect(new Set(ids).size).toBe(ids.length)
    const expected = Array.from({ length: acknowledged }, (_, number) => `id-${number}`)
    expect(ids.slice(0, acknowledged)).toEqual(expected)
    expect(await allIds(value.search, 'order.created')).toEqual(ids)
    expect(await value.search.count(query('user.name: app-*'), {}, never)).toBe(ids.length)
    await stop()
  }
}, 120_000)

test('a full disk is told as such, keeps what was acknowledged, and goes on when there is room', async () => {
  const disk = startSmallDisk(24 * 2 ** 20)
  onTestFinished(disk.stop)
  const dir = join(disk.value.dir, 'events')
  const { value, stop } = await open(dir)
  const bulk = (from: number) => Array.from({ length: 500 }, (_, index) => itemAt(from + index))
  expect((await value.store.write(bulk(0), never)).every(({ kind }) => kind === 'stored')).toBe(true)
  disk.value.fill()
  const reasons = new Set<string>()
  let stored = 500
  for (let from = 500; from < 20_000; from += 500) {
    const outcomes = await value.store.write(bulk(from), never)
    stored += outcomes.filter(({ kind }) => kind === 'stored').length
    for (const outcome of outcomes) if (outcome.kind !== 'stored') reasons.add(outcome.reason)
    if (reasons.size > 0) break
  }
  expect([...reasons]).toEqual(['disk-full'])
  expect(value.store.isConnected()).toBe(false)
  expect(await value.search.count(query(''), {}, never)).toBe(stored)
  disk.value.relieve()
  expect((await value.store.write(bulk(40_000), never)).every(({ kind }) => kind === 'stored')).toBe(true)
  expect(value.store.isConnected()).toBe(true)
  await stop()
}, 120_000)

test('a single day that outgrows the bound keeps its newest events and stays within it', async () => {
  const dir = folder()
  const maxBytes = 16 * 2 ** 20
  const { value, stop } = await open(dir, { maxBytes })
  const day = Date.parse('2026-11-20T00:00:00Z')
  let largest = 0
  for (let from = 0; from < 60_000; from += 2000) {
    const items = Array.from({ length: 2000 }, (_, index) => ({ ...itemAt(from + index), atMs: day + from + index }))
    const outcomes = await value.store.write(items, never)
    expect(outcomes.every(({ kind }) => kind === 'stored')).toBe(true)
    const size = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
    largest = Math.max(largest, size)
  }
  // With its log, and the map of that.
  expect(largest).toBeLessThanOrEqual(maxBytes)
  const ids = await allIds(value.search, 'order.created')
  expect(ids.length).toBeGreaterThan(5000)
  expect(ids.length).toBeLessThan(60_000)
  expect(ids.at(-1)).toBe('id-59999')
  await stop()
}, 120_000)
