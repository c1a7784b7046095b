import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { eventsOf, groupBy, specs, where } from './drawn.ts'
import { courseOf, given, numRuns, ruleOf, run, say, seed, tellSoFar, timeoutMs } from './drive.ts'
import { whatIsTold } from './slow-engine.ts'

/** Arrival settles what these fire; with lateness only the rest is a pure matter of event time. */
const withLateness = ['match', 'count', 'distinct', 'absence', 'change', 'newValue', 'sequence', 'unordered']

afterAll(tellSoFar)

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
          const wanted = whatIsTold(rule, given(events), courseOf(lateness))
          expect(say(run([rule], given(events), lateness))).toEqual(say(wanted))
        }),
        { numRuns, seed },
      )
    },
    timeoutMs,
  )
})
