import fc from 'fast-check'
import { lengthTicks } from './drive.ts'

/** Rules and events at random, of few values, so that they meet. */
const upper = fc.constantFrom('gt', 'gte')
const lower = fc.constantFrom('lt', 'lte')
const anyBound = fc.constantFrom('gt', 'gte', 'lt', 'lte')
const upTo = (max: number) => fc.integer({ min: 1, max })

const countOf = (bound: fc.Arbitrary<string>) =>
  fc.tuple(bound, upTo(4), upTo(20)).map(([op, n, w]) => `count: {${op}: ${n}, within: ${w}s}`)
const distinctOf = (bound: fc.Arbitrary<string>) =>
  fc.tuple(bound, upTo(3), upTo(20)).map(([op, n, w]) => `distinct: {field: app.value, ${op}: ${n}, within: ${w}s}`)

export const specs: Readonly<Record<string, fc.Arbitrary<string>>> = {
  match: fc
    .constantFrom('quiet: 0s', 'quiet: 4s', 'quiet: 15s', 'resolveWhen: {app.value: 2}', '{}')
    .map((own) => (own === '{}' ? 'severity: high' : own)),
  count: countOf(anyBound),
  fewCount: countOf(lower),
  distinct: distinctOf(anyBound),
  fewDistinct: distinctOf(lower),
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

export const where = fc.constantFrom(
  '',
  'where: {app.name.contains: a}',
  'where: {not: {app.name: [c, d]}}',
  'where: {app.value.exists: true}',
)
export const groupBy = fc.constantFrom('', 'groupBy: app.name', 'groupBy: [app.name, app.by]')
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
export const event = fc.record({ at: upTo(lengthTicks), app })
/** Where a further event can undo what an earlier one of the same instant did, arrival decides: one event an instant. */
export const isUndone = (type: string) => ['ratio', 'metric', 'spike'].includes(type)
export const eventsOf = (type: string) =>
  (isUndone(type)
    ? fc.uniqueArray(event, { maxLength: 30, size: 'max', selector: ({ at }) => at })
    : fc.array(event, { maxLength: 30, size: 'max' })
  ).map((events) => events.toSorted((a, b) => a.at - b.at))

/** In the order in which they arrive: each up to 25 ticks late. */
export const disorder = fc
  .array(fc.tuple(event, fc.integer({ min: 0, max: 25 })), { maxLength: 30, size: 'max' })
  .map((pairs) => pairs.toSorted(([a, late], [b, later]) => a.at + late - b.at - later).map(([each]) => each))
