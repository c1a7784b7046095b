import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { rulesOf } from '../rule-source.ts'
import { eventsOf, specs, where } from './drawn.ts'
import { courseOf, given, numRuns, rulesText, run, say, seed, tellSoFar, timeoutMs } from './drive.ts'
import { compositeIsTold } from './slow-composite.ts'
import { whatIsTold } from './slow-engine.ts'

const needs = fc.constantFrom(
  '{allOf: [m0, m1]}',
  '{anyOf: [m0, m1]}',
  '{allOf: [m0], anyOf: [m1, m2]}',
  '{anyOf: [m0, m1, m2], atLeast: 2}',
  '{allOf: [m0, m1, m2]}',
)
const within = fc.integer({ min: 0, max: 20 })

/** Members by all of `keys`, the composite by its first. */
const keys = fc.constantFrom(
  ['', ''],
  ['groupBy: app.name', 'groupBy: app.name'],
  ['groupBy: [app.name, app.by]', 'groupBy: app.name'],
  ['groupBy: [app.by, app.name]', 'groupBy: [app.name, app.by]'],
  ['groupBy: app.name', ''],
)

const memberOf = (types: readonly string[]) =>
  fc.constantFrom(...types).chain((type) => fc.tuple(fc.constant(type), specs[type]!, where))

function agrees(types: readonly string[], latenessS: number): void {
  const member = memberOf(types)
  fc.assert(
    fc.property(
      fc.tuple(member, member, member),
      needs,
      within,
      keys,
      // One event an instant: what one event ends and another begins at the same time is as it was read.
      eventsOf('spike'),
      (members, need, withinS, [ofMembers = '', ofComposite = ''], events) => {
        const made = members.map(([type, own, condition], index) =>
          rulesText(type, `m${index}`, latenessS, own, condition, ofMembers),
        )
        const whole = `${made.join('')}- id: c\n  type: composite\n  allowedLateness: ${latenessS}s\n  needs: ${need}\n  within: ${withinS}s\n  ${ofComposite}\n`
        const rules = rulesOf(`rules:\n${whole}`)
        const course = courseOf(latenessS)
        const told = rules.slice(0, -1).map((rule) => ({ rule, told: whatIsTold(rule, given(events), course) }))
        const wanted = compositeIsTold(rules.at(-1)!, told, course)
        expect(say(run(rules, given(events), latenessS))).toEqual(say(wanted))
      },
    ),
    { numRuns, seed },
  )
}

afterAll(tellSoFar)

describe('composites agree with a slow, obvious reading of what their members tell', () => {
  test('whatever the members, without lateness', () => agrees(Object.keys(specs), 0), timeoutMs)

  test(
    'with lateness, where the members end by events too',
    () => agrees(['change', 'newValue', 'sequence', 'unordered'], 30),
    timeoutMs,
  )
})
