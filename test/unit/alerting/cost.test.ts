import { expect, test } from 'vitest'
import { createEngine } from '../../../alerting/engine/engine.ts'
import { noonMs } from './engine-bench.ts'
import { rulesOf } from './rule-source.ts'

const rules = rulesOf(`
rules:
- {id: slow, topic: APP, type: match, where: {app.kind: slow}, quiet: 0s}
- {id: quick, topic: AMQP, type: match, where: {app.kind: quick}, quiet: 0s}
`)

/** An engine on whose clock every look passes `lookMs`. */
function timed(lookMs: number) {
  let clockMs = 0
  const skipped: string[] = []
  const costs = new Map<string, number>()
  const noCounts = { matched() {}, late() {}, evicted() {}, invalid() {}, ahead() {} }
  const engine = createEngine({
    allowedLatenessMs: 30_000,
    maxEventAgeMs: 900_000,
    costClock: () => (clockMs += lookMs),
    counts: {
      ...noCounts,
      skipped: (rule, reason) => void skipped.push(`${rule} ${reason}`),
      cost: (rule, seconds) => void costs.set(rule, (costs.get(rule) ?? 0) + seconds),
    },
  })
  engine.start(rules, undefined, noonMs)
  let offset = 0
  return {
    skipped,
    costs,
    passMs: (ms: number) => void (clockMs += ms),
    read: (kind: string, count: number, { at, lag }: { at: number; lag: number }) => {
      const records = Array.from({ length: count }, () => {
        const event = { '@timestamp': new Date(noonMs).toISOString(), event: { id: `e${offset}` }, app: { kind } }
        return { offset: offset++, timestampMs: noonMs, value: Buffer.from(JSON.stringify(event)) }
      })
      const topic = kind === 'slow' ? 'APP' : 'AMQP'
      engine.take({ topic, partition: 0, records, highWatermark: offset + lag }, noonMs + at * 1000)
      return engine.changes().transitions.filter(({ kind: told }) => told === 'firing').length
    },
  }
}

test('what a rule costs is told, as sampled', () => {
  const { read, costs } = timed(1)
  read('slow', 1600, { at: 0, lag: 0 })
  read('slow', 16, { at: 6, lag: 0 })
  expect([...costs]).toEqual([['slow', 1.616]])
})

test('a rule beyond its share waits while the alerter is behind, counted, and no other does', () => {
  const { read, skipped, passMs } = timed(20)
  read('slow', 1, { at: 0, lag: 10 })
  read('slow', 1600, { at: 1, lag: 10 })
  passMs(10_000)
  read('slow', 1, { at: 100, lag: 10 })
  expect(read('slow', 5, { at: 101, lag: 10 })).toBe(0)
  expect(skipped).toEqual(Array.from({ length: 5 }, () => 'slow over-share'))
  expect(read('quick', 5, { at: 102, lag: 10 })).toBe(5)
})

test('while nothing waits it has its turn, whatever it costs', () => {
  const { read, skipped, passMs } = timed(20)
  read('slow', 1, { at: 0, lag: 0 })
  read('slow', 1600, { at: 1, lag: 0 })
  passMs(10_000)
  read('slow', 1, { at: 6, lag: 0 })
  expect(read('slow', 5, { at: 7, lag: 0 })).toBe(5)
  expect(skipped).toEqual([])
})
