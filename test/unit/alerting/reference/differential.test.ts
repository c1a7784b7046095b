import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runVirtually } from '../../../../alerting/engine/virtual-run.ts'
import { rulesOf } from '../rule-source.ts'
import { episodesOf, type Sample } from './reference.ts'

const startMs = Date.parse('2026-01-05T12:00:00Z')
const tickMs = 1000
const runs = Number(process.env['THUMP_DIFFERENTIAL_RUNS'] ?? 150)
const bound = fc.constantFrom('gt', 'gte', 'lt', 'lte')
const seconds = (max: number) => fc.integer({ min: 1, max })

const specs: Readonly<Record<string, fc.Arbitrary<string>>> = {
  count: fc
    .tuple(bound, fc.integer({ min: 1, max: 4 }), seconds(20))
    .map(([op, n, w]) => `count: {${op}: ${n}, within: ${w}s}`),
  distinct: fc
    .tuple(bound, fc.integer({ min: 1, max: 3 }), seconds(20))
    .map(([op, n, w]) => `distinct: {field: app.value, ${op}: ${n}, within: ${w}s}`),
  ratio: fc
    .tuple(fc.constantFrom('gt', 'gte'), fc.constantFrom(0.25, 0.5, 1), seconds(20), seconds(4))
    .map(([op, n, w, least]) => `ratio: {of: {app.value: 1}, ${op}: ${n}, within: ${w}s, minTotal: ${least}}`),
  absence: seconds(20).map((s) => `absence: {for: ${s}s}`),
  spike: fc
    .tuple(fc.constantFrom('up', 'down', 'both'), fc.constantFrom(1.5, 2, 3), seconds(10), seconds(3))
    .map(
      ([direction, ratio, w, least]) =>
        `spike: {direction: ${direction}, ratio: ${ratio}, window: ${w}s, minReference: ${least}}`,
    ),
  metric: fc
    .tuple(
      fc.constantFrom('avg', 'min', 'max', 'sum'),
      fc.constantFrom('gt', 'gte', 'lt', 'lte'),
      fc.integer({ min: 0, max: 5 }),
      seconds(10),
      fc.integer({ min: 0, max: 10 }),
    )
    .map(
      ([op, side, n, w, hold]) => `metric: {field: app.value, op: ${op}, ${side}: ${n}, within: ${w}s, for: ${hold}s}`,
    ),
}

const event = fc.record({ at: fc.integer({ min: 1, max: 60 }), value: fc.integer({ min: 0, max: 3 }) })
/** Where a further event can undo what an earlier one of the same instant did, arrival decides: one event an instant. */
const isUndone = (type: string) => ['ratio', 'metric', 'spike'].includes(type)
const eventsOf = (type: string) =>
  isUndone(type)
    ? fc.uniqueArray(event, { maxLength: 25, selector: ({ at }) => at })
    : fc.array(event, { maxLength: 25 })

/** What is settled on arrival must not depend on time that passes later: with lateness only these are a pure matter of event time. */
const withLateness = ['count', 'distinct', 'absence']

describe('the engine agrees with a slow, obvious reading of the rule', () => {
  test.each([
    ...Object.keys(specs).map((type) => [type, 0] as const),
    ...withLateness.map((type) => [type, 30] as const),
  ])('%s, with %d s of lateness', (type, lateness) => {
    fc.assert(
      fc.property(specs[type]!, eventsOf(type), (own, given) => {
        const [rule] = rulesOf(
          `rules:\n- id: r\n  topic: APP\n  type: ${type}\n  allowedLateness: ${lateness}s\n  ${own}\n`,
        )
        const sorted = given.toSorted((a, b) => a.at - b.at)
        const samples: Sample[] = sorted.map(({ at, value }) => ({ atMs: startMs + at * 1000, value }))
        const untilMs = startMs + 120_000
        const found = runVirtually({
          rules: [rule!],
          startMs,
          events: samples.map(({ atMs, value }) => ({ atMs, topic: 'APP', event: { app: { value } } })),
          untilMs,
          allowedLatenessMs: lateness * 1000,
        })
        const expected = episodesOf(rule!, samples, untilMs, tickMs, startMs)
        const say = (list: ReadonlyArray<{ kind: string; atMs: number }>) =>
          list.map(({ kind, atMs }) => `${kind} ${(atMs - startMs) / 1000}`).join(', ')
        expect(say(found)).toBe(say(expected))
      }),
      { numRuns: runs, seed: 9 },
    )
  })
})
