import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { matchesQuery } from '../../../storage/query/matches.ts'
import { DaysReader } from '../../../storage/sqlite/read-days.ts'
import { DaysWriter } from '../../../storage/sqlite/write-days.ts'
import { itemOf, query, type TestItem } from './conformance.ts'

const minuteMs = 60_000
const day = Date.parse('2026-11-22T00:00:00Z')
const texts = ['order.created.v2', '주문이 취소되었습니다', 'accepting connection', '接続が切断されました']

/** Through two days and nearly in order: some come hours late, as from an agent that was away. */
function* nearlyInOrder(count: number, below: (limit: number) => number): Generator<TestItem> {
  for (let number = 0; number < count; number++) {
    const late = below(60) === 0 ? below(300) : below(3)
    const atMs = day + Math.max(0, Math.floor((number / count) * 2880) - late) * minuteMs + below(minuteMs)
    yield itemOf(`id-${number}`, atMs, { message: `${texts[below(texts.length)]} ${number}` })
  }
}

test('texts are counted exactly over any time and in any buckets, also where events come late', () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-words-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  let seed = 20261127
  const below = (limit: number) =>
    Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * limit)
  const items = [...nearlyInOrder(6000, below)]
  const options = { dir, retentionMs: 1e13, maxBytes: 1e12 }
  const writer = new DaysWriter(options)
  for (let from = 0; from < items.length; from += 300) {
    const part = items.slice(from, from + 300)
    const heads = part.map(({ topic, id, atMs, value }) => ({ topic, id, atMs, bytes: value.length }))
    writer.write({ op: 'write', values: new Uint8Array(Buffer.concat(part.map(({ value }) => value))), items: heads })
  }
  writer.close()
  const reader = new DaysReader(options)
  onTestFinished(() => reader.close())
  const asked = [
    'created',
    '취소',
    '切断',
    'created and v2',
    'created or 주문',
    'ted.v and not 주문',
    'order user.name: x',
  ]
  for (let round = 0; round < 120; round++) {
    const node = query(asked[round % asked.length] ?? '')
    const sinceMs = below(4) === 0 ? day : day + below(2000) * minuteMs + below(3)
    const range = { sinceMs, untilMs: below(4) === 0 ? day + 2880 * minuteMs : sinceMs + 1 + below(1500 * minuteMs) }
    const bucketMs = [minuteMs, 7 * minuteMs, 60 * minuteMs, 1440 * minuteMs, 10_080 * minuteMs][below(5)] as number
    const right = new Map<number, number>()
    for (const { event, atMs } of items) {
      if (atMs < range.sinceMs || atMs >= range.untilMs || !matchesQuery(node, event)) continue
      const bucket = Math.floor(atMs / bucketMs) * bucketMs
      right.set(bucket, (right.get(bucket) ?? 0) + 1)
    }
    const buckets = [...right].map(([atMs, count]) => ({ atMs, count })).toSorted((a, b) => a.atMs - b.atMs)
    const total = buckets.reduce((sum, { count }) => sum + count, 0)
    expect(reader.histogram({ op: 'histogram', query: node, range, bucketMs })).toEqual({ buckets, unreadable: [] })
    expect(reader.count({ op: 'count', query: node, range })).toEqual({ count: total, unreadable: [] })
  }
})
