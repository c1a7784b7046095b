import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { disorder, groupBy, specs, where } from './drawn.ts'
import { courseOf, type Drawn, given, numRuns, ruleOf, run, say, seed, tellSoFar, timeoutMs } from './drive.ts'
import { type GivenEvent, type Told, whatIsTold } from './slow-engine.ts'

const latenessS = 30

const inOrder = (events: readonly Drawn[]) => events.toSorted((a, b) => a.at - b.at)

/** By key. */
function lastEnds(told: readonly Told[]): Record<string, number> {
  const ends: Record<string, number> = {}
  for (const { key, kind, atMs } of told) if (kind === 'resolved') ends[key] = Math.max(ends[key] ?? 0, atMs)
  return ends
}

interface Episode {
  readonly fromMs: number
  /** Infinity while it is open. */
  readonly untilMs: number
}

/** Of one key. */
function episodesOf(told: readonly Told[]): Episode[] {
  const inTime = told.toSorted((a, b) => a.atMs - b.atMs)
  return inTime.flatMap(({ kind, atMs: fromMs }, index) =>
    kind === 'firing' ? [{ fromMs, untilMs: inTime[index + 1]?.atMs ?? Number.POSITIVE_INFINITY }] : [],
  )
}

function isWithin(inner: Episode, outer: Episode): boolean {
  return inner.fromMs >= outer.fromMs && inner.untilMs <= outer.untilMs
}

afterAll(tellSoFar)

describe('events out of order but within lateness', () => {
  test.each(['fewCount', 'fewDistinct'])(
    '%s: what only the want of events decides is told as if they had come in order',
    (type) => {
      fc.assert(
        fc.property(specs[type]!, where, groupBy, disorder, (own, condition, keys, arrived) => {
          const rule = ruleOf(type, latenessS, own, condition, keys)
          const wanted = whatIsTold(rule, given(inOrder(arrived)), courseOf(latenessS))
          expect(say(run([rule], given(arrived), latenessS))).toEqual(say(wanted))
        }),
        { numRuns, seed },
      )
    },
    timeoutMs,
  )

  test(
    'absence: every silence is told, or lies in one whose end has been told since an event after it was read first',
    () => {
      fc.assert(
        fc.property(specs['absence']!, fc.constantFrom('', 'groupBy: app.only'), disorder, (own, keys, drawn) => {
          // Of one key: begun with the rule, or by its first event.
          const arrived = drawn.map(({ at, app }) => ({ at, app: { ...app, only: 'k' } }))
          const rule = ruleOf('absence', latenessS, own, keys)
          const events = given(arrived)
          const found = episodesOf(run([rule], events, latenessS))
          const wanted = episodesOf(whatIsTold(rule, given(inOrder(arrived)), courseOf(latenessS)))
          const untold = wanted.filter((silence) => !found.some((told) => isWithin(silence, told)))
          const madeUp = found.filter(({ fromMs }) => !wanted.some((silence) => silence.fromMs === fromMs))
          // The first that was read of those after the deadline ends it, whichever come later.
          const tooLong = found.filter(({ fromMs, untilMs }) => {
            const end = events.findIndex(({ atMs }) => atMs === untilMs)
            const isBetween = ({ atMs }: GivenEvent) => atMs > fromMs && atMs < untilMs
            return (end < 0 ? events : events.slice(0, end)).some(isBetween)
          })
          expect([untold, madeUp, tooLong]).toEqual([[], [], []])
        }),
        { numRuns, seed },
      )
    },
    timeoutMs,
  )

  test.each(['count', 'distinct'])(
    '%s: what arrival decides ends as if they had come in order',
    (type) => {
      fc.assert(
        fc.property(specs[type]!, groupBy, disorder, (own, keys, arrived) => {
          const rule = ruleOf(type, latenessS, own, keys)
          const found = run([rule], given(arrived), latenessS)
          const wanted = whatIsTold(rule, given(inOrder(arrived)), courseOf(latenessS))
          const ends = (told: readonly Told[]) => say(told.filter(({ kind }) => kind === 'resolved'))
          // What shows only when a later episode is open, or when its end has been told, is not told beside it.
          const untold = ends(found).filter((end) => !ends(wanted).includes(end))
          expect([untold, found.length % 2, lastEnds(found)]).toEqual([[], wanted.length % 2, lastEnds(wanted)])
        }),
        { numRuns, seed },
      )
    },
    timeoutMs,
  )
})
