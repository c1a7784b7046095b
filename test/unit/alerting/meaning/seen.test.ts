import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentIds } from '../../../../alerting/engine/recent-ids.ts'
import { SeenIds } from '../../../../alerting/engine/seen-ids.ts'
import { benchOf } from '../engine-bench.ts'

const seed = Number(process.env['THUMP_SEED'] ?? 9)
const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `agent-gen-${from + index}`)

function seenOf(ids: readonly string[]): SeenIds {
  const seen = new SeenIds(1000, Number.POSITIVE_INFINITY)
  for (const id of ids) seen.add(id, 0)
  return seen
}

test('seen ids agree with a plain list, whenever they are asked', () => {
  const keepMs = 10
  const cap = 4
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    passedMs: fc.nat({ max: 6 }),
    isAsked: fc.boolean(),
    isExpired: fc.boolean(),
  })
  const agrees = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const seen = new SeenIds(keepMs, cap)
    let list: Array<{ id: string; atMs: number }> = []
    let nowMs = 0
    for (const { id, passedMs, isAsked, isExpired } of steps) {
      nowMs += passedMs
      if (isExpired) {
        const left = list.filter(({ atMs }) => atMs > nowMs - keepMs)
        expect(seen.expire(nowMs)).toBe(left.length < list.length)
        list = left
      }
      const isKnown = list.some((entry) => entry.id === id && entry.atMs > nowMs - keepMs)
      if (isAsked) expect(seen.has(id, nowMs)).toBe(isKnown)
      if (isKnown) continue
      list.push({ id, atMs: nowMs })
      expect(seen.add(id, nowMs)).toBe(list.length > cap ? list.shift()?.id : undefined)
      expect([...seen.all()]).toEqual(list.map((entry) => entry.id))
    }
  })
  fc.assert(agrees, { seed, numRuns: 500 })
})

test('recent ids deny nothing that a rule has seen, before and after a renewal, and most of what none has', () => {
  const recent = new RecentIds()
  const old = idsOf(300_000)
  for (const id of old) recent.add(id)
  expect(recent.isFull).toBe(true)
  expect(old.every((id) => recent.mayHold(id))).toBe(true)
  const kept = old.slice(250_000)
  recent.renew([seenOf(kept), seenOf(kept)])
  expect(recent.isFull).toBe(false)
  expect(kept.every((id) => recent.mayHold(id))).toBe(true)
  expect(idsOf(10_000, 300_000).filter((id) => recent.mayHold(id)).length).toBeLessThan(500)
})

test('a state with more ids than there is room for gets room for them', () => {
  const recent = new RecentIds()
  const all = [0, 1].map((part) => idsOf(300_000, part * 300_000))
  for (const id of all.flat()) recent.add(id)
  recent.renew(all.map(seenOf))
  expect(recent.isFull).toBe(false)
  expect(all.flat().every((id) => recent.mayHold(id))).toBe(true)
  expect(idsOf(10_000, 1_000_000).filter((id) => recent.mayHold(id)).length).toBeLessThan(500)
})

test('M9 what comes again after hundreds of thousands of others is not counted twice', () => {
  const shares = 3
  const rules = [0, 1, 2].map(
    (share) => `- {id: r${share}, topic: APP, type: count, where: {n: ${share}}, count: {gte: 10000000, within: 1m}}`,
  )
  const bench = benchOf(`rules:\n${rules.join('\n')}\n`)
  const eventsFrom = (first: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      at: 0,
      'event.id': `e${first + index}`,
      n: (first + index) % shares,
    }))
  const batch = 27_000
  for (let first = 0; first < 10 * batch; first += batch) bench.read(eventsFrom(first, batch))
  expect(bench.counted).toEqual({ matched: 10 * batch })
  bench.read([...eventsFrom(0, 300), ...eventsFrom(10 * batch - 300, 600)])
  expect(bench.counted).toEqual({ matched: 10 * batch + 900, duplicate: 600 })
})
