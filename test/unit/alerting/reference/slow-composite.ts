import type { Rule } from '../../../../alerting/rules/rule.ts'
import type { Course, Told } from './slow-engine.ts'

/** What a member has told. */
export interface Member {
  readonly rule: Rule
  readonly told: readonly Told[]
}

/** An alert of a member, by the composite's key. `untilMs` is where it has ended: there it fires no longer. */
interface Span {
  readonly member: string
  readonly key: string
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * Slow and obvious: at every tick, and just after it, is the need met by what fired at any instant of the last `within`?
 * What has begun and ended at one instant fired at that instant alone.
 */
export function compositeIsTold(rule: Rule, members: readonly Member[], { startMs, untilMs, tickMs }: Course): Told[] {
  const spans = members.flatMap((member) => spansOf(member, rule))
  return [...new Set(spans.map(({ key }) => key))].flatMap((key) => {
    const told: Told[] = []
    let isOpen = false
    for (let atMs = startMs; atMs <= untilMs; atMs += tickMs)
      for (const nowMs of [atMs, atMs + tickMs / 2]) {
        const ofKey = spans.filter((span) => span.key === key)
        const holds = isMet(rule, new Set(ofKey.filter((span) => fired(span, nowMs, rule)).map(({ member }) => member)))
        if (holds === isOpen) continue
        isOpen = holds
        told.push({ key, kind: holds ? 'firing' : 'resolved', atMs })
      }
    return told
  })
}

function spansOf({ rule, told }: Member, composite: Rule): Span[] {
  return told.flatMap(({ key, kind, atMs: fromMs }, index) => {
    if (kind === 'resolved') return []
    const end = told.slice(index).find((other) => other.kind === 'resolved' && other.key === key)
    const values = JSON.parse(key) as unknown[]
    const named = Object.fromEntries(rule.groupBy.map(({ name }, place) => [name, values[place]]))
    const shared = JSON.stringify(composite.groupBy.map(({ name }) => named[name]))
    return [{ member: rule.id, key: shared, fromMs, untilMs: end?.atMs ?? Number.POSITIVE_INFINITY }]
  })
}

/** At any instant of (now − within, now]; without `within`, now. */
function fired({ fromMs, untilMs }: Span, nowMs: number, { spec }: Rule): boolean {
  const withinMs = spec.kind === 'composite' ? spec.withinMs : 0
  if (fromMs > nowMs) return false
  if (fromMs === untilMs) return withinMs === 0 ? fromMs === nowMs : fromMs > nowMs - withinMs
  return untilMs > nowMs - withinMs
}

function isMet({ spec }: Rule, firing: ReadonlySet<string>): boolean {
  if (spec.kind !== 'composite') return false
  const some = spec.anyOf.filter((id) => firing.has(id)).length
  return spec.allOf.every((id) => firing.has(id)) && (spec.anyOf.length === 0 || some >= (spec.atLeast ?? 1))
}
