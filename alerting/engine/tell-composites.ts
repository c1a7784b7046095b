import type { KeyValue } from '../transition.ts'
import type { NewTransition } from './changes.ts'
import type { Hit } from './key-state.ts'
import { asEvent } from './read-event.ts'
import type { RuleRuntime } from './rule-runtime.ts'

export type HearersOf = (ruleId: string) => readonly RuleRuntime[]

/** In the order of time; what ends and what begins at one instant is told together, to be judged once. */
export function tellComposites(heard: readonly NewTransition[], hearersOf: HearersOf, nowMs: number): void {
  const inTime = heard.toSorted((x, y) => x.atMs - y.atMs)
  for (let first = 0; first < inTime.length; ) {
    let end = first
    while (inTime[end]?.atMs === inTime[first]?.atMs) end++
    tellInstant(inTime.slice(first, end), hearersOf, nowMs)
    first = end
  }
}

function tellInstant(transitions: readonly NewTransition[], hearersOf: HearersOf, nowMs: number): void {
  const firings = transitions.filter(({ kind }) => kind === 'firing')
  const ends = transitions.filter(({ kind }) => kind === 'resolved')
  const begun = new Set(firings.map(({ alertId }) => alertId))
  const ended = new Set(ends.map(({ alertId }) => alertId))
  const told = [...ends.filter(({ alertId }) => !begun.has(alertId)), ...firings].flatMap((transition) =>
    hearingOf(transition, hearersOf),
  )
  const last = new Map(told.map(({ name }, index) => [name, index]))
  told.forEach(({ runtime, key, name, transition }, index) => {
    const { record, kind, atMs, alertId } = transition
    const isInstant = kind === 'firing' && ended.has(alertId)
    const member = { ruleId: record.ruleId, alertId, kind, isInstant, isLast: last.get(name) === index }
    const event = asEvent(transition)
    const hit: Hit = { event, id: alertId, atMs, topic: 'THUMP', isResolving: false, steps: undefined, member }
    runtime.takeMember(key, hit, runtime.watermarkMs(), nowMs)
  })
}

/** The composites that wait for an alert, each with its key; `name` is of both. */
function hearingOf(transition: NewTransition, hearersOf: HearersOf) {
  const { ruleId, key: values } = transition.record
  return hearersOf(ruleId).flatMap((runtime) => {
    const key = runtime.rule.groupBy.map(({ name }) => values[name])
    if (key.includes(undefined)) return []
    return [{ runtime, key: key as KeyValue[], name: JSON.stringify([runtime.rule.id, ...key]), transition }]
  })
}
