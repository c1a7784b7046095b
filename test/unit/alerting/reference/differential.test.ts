import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../../alerting/engine/engine.ts'
import type { Rule } from '../../../../alerting/rules/rule.ts'
import { rulesOf } from '../rule-source.ts'
import { type GivenEvent, type Told, whatIsTold } from './slow-engine.ts'

const startMs = Date.parse('2026-01-05T12:00:00Z')
const tickMs = 1000
const lengthTicks = 60
const untilMs = startMs + 4 * lengthTicks * tickMs
const runs = Number(process.env['THUMP_DIFFERENTIAL_RUNS'] ?? 40)
/** A soak runs for minutes. */
const timeoutMs = 60_000 + runs * 100
const seed = Number(process.env['THUMP_SEED'] ?? 9)

const upper = fc.constantFrom('gt', 'gte')
const anyBound = fc.constantFrom('gt', 'gte', 'lt', 'lte')
const upTo = (max: number) => fc.integer({ min: 1, max })

const specs: Readonly<Record<string, fc.Arbitrary<string>>> = {
  match: fc
    .constantFrom('quiet: 0s', 'quiet: 4s', 'quiet: 15s', 'resolveWhen: {app.value: 2}', '{}')
    .map((own) => (own === '{}' ? 'severity: high' : own)),
  count: fc.tuple(anyBound, upTo(4), upTo(20)).map(([op, n, w]) => `count: {${op}: ${n}, within: ${w}s}`),
  distinct: fc
    .tuple(anyBound, upTo(3), upTo(20))
    .map(([op, n, w]) => `distinct: {field: app.value, ${op}: ${n}, within: ${w}s}`),
  ratio: fc
    .tuple(upper, fc.constantFrom(0.25, 0.5, 1), upTo(20), upTo(4))
    .map(([op, n, w, least]) => `ratio: {of: {app.value: 1}, ${op}: ${n}, within: ${w}s, minTotal: ${least}}`),
  absence: upTo(20).map((s) => `absence: {for: ${s}s}`),
  spike: fc
    .tuple(fc.constantFrom('up', 'down', 'both'), fc.constantFrom(1.5, 2, 3), upTo(10), upTo(3), upTo(3))
    .map(
      ([direction, ratio, w, least, current]) =>
        `spike: {direction: ${direction}, ratio: ${ratio}, window: ${w}s, minReference: ${least}, minCurrent: ${current}}`,
    ),
  metric: fc
    .tuple(
      fc.constantFrom('app.value', 'app.value / app.by'),
      fc.constantFrom('avg', 'min', 'max', 'sum', 'p95', 'rate'),
      anyBound,
      fc.integer({ min: 0, max: 5 }),
      upTo(10),
      fc.integer({ min: 0, max: 10 }),
    )
    .map(
      ([field, op, side, n, w, hold]) =>
        `metric: {field: ${field}, op: ${op}, ${side}: ${n}, within: ${w}s, for: ${hold}s}`,
    ),
  change: fc.constant('change: {field: app.value}'),
  newValue: fc
    .tuple(fc.constantFrom('[app.value]', '[app.value, app.by]'), upTo(30), fc.integer({ min: 0, max: 20 }))
    .map(([fields, remember, learn]) => `newValue: {fields: ${fields}, remember: ${remember}s, learn: ${learn}s}`),
  sequence: fc
    .tuple(
      fc.constantFrom(
        '[{where: {app.value: 1}}, {where: {app.value: 2}}]',
        '[{where: {app.value: 1}}, {where: {app.value: 2}}, {where: {app.value: 3}}]',
        '[{where: {app.value: 1}}, {not: {app.value: 0}}, {where: {app.value: 2}}]',
        '[{not: {app.value: 0}}, {where: {app.value: 1}}, {where: {app.value: 2}}]',
        '[{where: {app.value: 1}}, {where: {app.value: 1}}]',
      ),
      upTo(20),
    )
    .map(([steps, within]) => `steps: ${steps}\n  within: ${within}s`),
  unordered: fc
    .tuple(
      fc.constantFrom(
        '[{where: {app.value: 1}}, {where: {app.value: 2}}]',
        '[{where: {app.value: 1}}, {where: {app.value: [1, 2]}}]',
      ),
      upTo(20),
    )
    .map(([steps, within]) => `steps: ${steps}\n  within: ${within}s\n  ordered: false`),
}

const where = fc.constantFrom(
  '',
  'where: {app.name.contains: a}',
  'where: {not: {app.name: [c, d]}}',
  'where: {app.value.exists: true}',
)
const groupBy = fc.constantFrom('', 'groupBy: app.name', 'groupBy: [app.name, app.by]')
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 8 })
const name = fc.constantFrom('a', 'A', 'b', 'ca', 'd')
const app = fc.record({
  name: optional(
    fc.oneof(
      { weight: 8, arbitrary: name as fc.Arbitrary<unknown> },
      { weight: 1, arbitrary: fc.array(name, { maxLength: 2 }) },
    ),
  ),
  value: optional(fc.integer({ min: 0, max: 3 })),
  by: optional(fc.integer({ min: 0, max: 2 })),
})
const event = fc.record({ at: upTo(lengthTicks), app })
/** Where a further event can undo what an earlier one of the same instant did, arrival decides: one event an instant. */
const isUndone = (type: string) => ['ratio', 'metric', 'spike'].includes(type)
const eventsOf = (type: string) =>
  (isUndone(type)
    ? fc.uniqueArray(event, { maxLength: 30, selector: ({ at }) => at })
    : fc.array(event, { maxLength: 30 })
  ).map((events) => events.toSorted((a, b) => a.at - b.at))

type Given = { readonly at: number; readonly app: object }

function given(events: readonly Given[]): GivenEvent[] {
  return events.map(({ at, app: fields }) => ({
    atMs: startMs + at * tickMs,
    event: JSON.parse(JSON.stringify({ app: fields })) as Record<string, unknown>,
  }))
}

/** The engine, fed in the order given, on a wall clock that shows the greatest time so far. */
function run(rule: Rule, events: readonly GivenEvent[], latenessMs: number): Told[] {
  const noCounts = { matched() {}, late() {}, skipped() {}, evicted() {}, invalid() {}, ahead() {} }
  const engine = createEngine({ allowedLatenessMs: latenessMs, maxEventAgeMs: 900_000, counts: noCounts })
  engine.start([rule], undefined, startMs)
  engine.assign('APP', 0)
  engine.caughtUp('APP', 0, startMs)
  const told: Told[] = []
  const take = () => {
    for (const { record, kind, atMs } of engine.changes().transitions)
      told.push({ key: JSON.stringify(rule.groupBy.map(({ name: field }) => record.key[field])), kind, atMs })
  }
  let nowMs = startMs
  for (let first = 0; first < events.length; ) {
    // What happens at one instant arrives at once: with no lateness the instant is over after it.
    const atMs = events[first]!.atMs
    let end = first
    while (events[end]?.atMs === atMs) end++
    const records = events.slice(first, end).map(({ event: fields }, index) => {
      const full = { '@timestamp': new Date(atMs).toISOString(), event: { id: `e${first + index}` }, ...fields }
      return { offset: first + index, timestampMs: atMs, value: Buffer.from(JSON.stringify(full)) }
    })
    nowMs = Math.max(nowMs, atMs)
    engine.take({ topic: 'APP', partition: 0, records, highWatermark: end }, nowMs)
    take()
    first = end
  }
  engine.caughtUp('APP', 0, nowMs)
  engine.caughtUp('APP', 0, untilMs + latenessMs + 10_000)
  engine.settle(untilMs + latenessMs + 10_000)
  take()
  return told.filter(({ atMs }) => atMs <= untilMs)
}

function ruleOf(type: string, lateness: number, ...own: readonly string[]): Rule {
  const kind = type === 'unordered' ? 'sequence' : type
  const lines = own.filter((line) => line !== '').map((line) => `  ${line}\n`)
  const [rule] = rulesOf(
    `rules:\n- id: r\n  topic: APP\n  type: ${kind}\n  allowedLateness: ${lateness}s\n${lines.join('')}`,
  )
  return rule!
}

/** By key. */
function lastEnds(told: readonly Told[]): Record<string, number> {
  const ends: Record<string, number> = {}
  for (const { key, kind, atMs } of told) if (kind === 'resolved') ends[key] = Math.max(ends[key] ?? 0, atMs)
  return ends
}

function say(told: readonly Told[]): string[] {
  return told.map(({ key, kind, atMs }) => `${key} ${(atMs - startMs) / tickMs} ${kind}`).toSorted()
}

/** Arrival settles what these fire; with lateness only the rest is a pure matter of event time. */
const withLateness = ['match', 'count', 'distinct', 'absence', 'change', 'newValue', 'sequence', 'unordered']

describe('the engine agrees with a slow, obvious reading of the rule', () => {
  test.each([
    ...Object.keys(specs).map((type) => [type, 0] as const),
    ...withLateness.map((type) => [type, 30] as const),
  ])(
    '%s, with %d s of lateness',
    (type, lateness) => {
      fc.assert(
        fc.property(specs[type]!, where, groupBy, eventsOf(type), (own, condition, keys, events) => {
          const rule = ruleOf(type, lateness, own, condition, keys)
          const course = { startMs, untilMs, tickMs, latenessMs: lateness * 1000 }
          expect(say(run(rule, given(events), lateness * 1000))).toEqual(say(whatIsTold(rule, given(events), course)))
        }),
        { numRuns: runs, seed },
      )
    },
    timeoutMs,
  )

  test.each(['count', 'distinct'])(
    '%s, with events out of order but within lateness: episodes end as if in order',
    (type) => {
      const disorder = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 25 })), { maxLength: 30 })
      fc.assert(
        fc.property(specs[type]!, groupBy, disorder, (own, keys, pairs) => {
          const rule = ruleOf(type, 30, own, keys)
          const arrived = pairs.toSorted(([a, late], [b, later]) => a.at + late - b.at - later).map(([each]) => each)
          const course = { startMs, untilMs, tickMs, latenessMs: 30_000 }
          const found = run(rule, given(arrived), 30_000)
          const wanted = whatIsTold(rule, given(arrived.toSorted((a, b) => a.at - b.at)), course)
          const ends = (told: readonly Told[]) => say(told.filter(({ kind }) => kind === 'resolved'))
          // What shows only when a later episode is open, or when its end has been told, is not told beside it.
          const untold = ends(found).filter((end) => !ends(wanted).includes(end))
          expect([untold, found.length % 2, lastEnds(found)]).toEqual([[], wanted.length % 2, lastEnds(wanted)])
        }),
        { numRuns: runs, seed },
      )
    },
    timeoutMs,
  )
})
