import type { Spec } from '../rules/rule.ts'
import type { Evaluator, KeyState, Turn } from './key-state.ts'

/** A member's alert: from its opening to its end. */
interface Span {
  readonly rule: string
  readonly id: string
  readonly fromMs: number
  untilMs?: number
}

interface CompositeWindow {
  spans: Span[]
}

/** Other rules' alerts together: each firing at any instant of the last `within`. */
export function createComposite(spec: Spec & { kind: 'composite' }): Evaluator {
  const { withinMs } = spec
  const windowOf = (state: KeyState) => state.window as CompositeWindow
  const holds = (spans: readonly Span[], atMs: number) =>
    isMet(spec, new Set(spans.filter((span) => counts(span, atMs, withinMs)).map(({ rule }) => rule)))
  const settle = (turn: Turn, atMs: number) => {
    if (turn.state.alert && !holds(windowOf(turn.state).spans, atMs)) turn.resolve(atMs, false)
  }
  return {
    fresh: (): CompositeWindow => ({ spans: [] }),
    take(turn, hit) {
      const { spans } = windowOf(turn.state)
      const { member } = hit
      if (!member) return undefined
      if (member.kind === 'resolved') {
        const span = spans.find(({ id }) => id === member.alertId)
        if (span) span.untilMs = Math.max(span.fromMs, hit.atMs)
        if (withinMs === 0) settle(turn, hit.atMs)
        return undefined
      }
      spans.push({ rule: member.ruleId, id: member.alertId, fromMs: hit.atMs })
      const atMs = Math.max(...spans.map(({ fromMs }) => fromMs))
      if (turn.state.alert) turn.join(hit)
      else if (holds(spans, atMs)) {
        const firstSeenMs = Math.min(
          ...spans.filter((span) => counts(span, atMs, withinMs)).map(({ fromMs }) => fromMs),
        )
        turn.fire(atMs, hit.id, hit, { count: spans.length, firstSeenMs })
      }
      return undefined
    },
    advance(turn, watermarkMs) {
      const window = windowOf(turn.state)
      const ends = window.spans.flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs + withinMs]))
      for (const atMs of ends.toSorted((a, b) => a - b)) if (atMs <= watermarkMs) settle(turn, atMs)
      window.spans = window.spans.filter(({ untilMs }) => untilMs === undefined || untilMs + withinMs > watermarkMs)
    },
    dueMs: (state) =>
      Math.min(...windowOf(state).spans.map(({ untilMs }) => (untilMs ?? Number.POSITIVE_INFINITY) + withinMs)),
    isSpent: (state) => !state.alert && windowOf(state).spans.length === 0,
  }
}

function counts({ fromMs, untilMs }: Span, atMs: number, withinMs: number): boolean {
  if (fromMs > atMs) return false
  // An instant's end is its beginning: it counts at that instant itself.
  return untilMs === undefined || untilMs > atMs - withinMs || (untilMs === fromMs && fromMs === atMs)
}

function isMet({ allOf, anyOf, atLeast }: Spec & { kind: 'composite' }, firing: ReadonlySet<string>): boolean {
  if (!allOf.every((id) => firing.has(id))) return false
  const wanted = atLeast ?? (anyOf.length > 0 ? 1 : 0)
  return anyOf.filter((id) => firing.has(id)).length >= wanted
}
