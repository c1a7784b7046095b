import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DaysReader } from '../../../storage/sqlite/read-days.ts'
import { DaysWriter } from '../../../storage/sqlite/write-days.ts'
import { itemAt } from './sqlite-story.ts'

const mib = 2 ** 20
const maxBytes = 16 * mib
const dayMs = 86_400_000
const first = Date.parse('2026-11-20T00:00:00Z')

/** Days of at most 16 MiB, written in bulks; knows what they took at most. */
function boundedDays() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-room-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const options = { dir, retentionMs: 1e13, maxBytes }
  const writer = new DaysWriter(options)
  onTestFinished(() => writer.close())
  let number = 0
  let largest = 0
  const size = () =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
      const found = statSync(join(dir, name))
      return sum + (found.isFile() ? found.size : 0)
    }, 0)
  return {
    dir,
    largest: () => largest,
    /** Events of one day, in its order; what became of them, and which days went. */
    write(day: number, count: number) {
      const kinds = new Map<string, number>()
      const removed: string[] = []
      for (let done = 0; done < count; done += 500) {
        const items = Array.from({ length: 500 }, () => ({ ...itemAt(number++), atMs: first + day * dayMs + number }))
        const heads = items.map(({ topic, id, atMs, value }) => ({ topic, id, atMs, bytes: value.length }))
        const values = new Uint8Array(Buffer.concat(items.map(({ value }) => value)))
        const answer = writer.write({ op: 'write', values, items: heads })
        for (const outcome of answer.outcomes) {
          const kind = outcome.kind === 'stored' ? 'stored' : outcome.reason
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
        }
        removed.push(...answer.removed)
        largest = Math.max(largest, size())
      }
      return { kinds: Object.fromEntries(kinds), removed }
    },
    count(day: number) {
      const reader = new DaysReader(options)
      const range = { sinceMs: first + day * dayMs, untilMs: first + (day + 1) * dayMs }
      const { count } = reader.count({ op: 'count', query: { kind: 'all' }, range })
      reader.close()
      return count
    },
  }
}

test('a day that fills the bound gives way to the next one event by event, and late events push out nothing newer', () => {
  const days = boundedDays()
  expect(days.write(1, 40_000)).toEqual({ kinds: { stored: 40_000 }, removed: [] })
  const full = days.count(1)
  expect(full).toBeLessThan(40_000)
  expect(days.write(2, 4000)).toEqual({ kinds: { stored: 4000 }, removed: [] })
  expect(days.count(2)).toBe(4000)
  const left = days.count(1)
  expect(left).toBeLessThan(full)
  expect(left).toBeGreaterThan(full / 3)
  const late = days.write(0, 8000)
  expect(late.kinds['too-old']).toBeGreaterThan(0)
  expect([days.count(1), days.count(2)]).toEqual([left, 4000])
  expect(days.largest()).toBeLessThanOrEqual(maxBytes)
})

test('a damaged day that was set aside counts, and goes when it is the oldest', () => {
  const days = boundedDays()
  const aside = join(days.dir, '2026-11-19.damaged-1')
  mkdirSync(aside)
  writeFileSync(join(aside, '2026-11-19.db'), Buffer.alloc(9 * mib))
  days.write(1, 500)
  expect(existsSync(aside)).toBe(true)
  expect(days.write(2, 6000)).toEqual({ kinds: { stored: 6000 }, removed: [] })
  expect(existsSync(aside)).toBe(false)
  expect([days.count(1), days.count(2)]).toEqual([500, 6000])
  expect(days.largest()).toBeLessThanOrEqual(maxBytes)
})
