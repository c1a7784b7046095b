import type { Spec } from '../rules/rule.ts'
import type { Evaluator, Hit, KeyState, Turn } from './key-state.ts'

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
  const fire = (turn: Turn, atMs: number, cause: string, hit: Hit | undefined) => {
    const { spans } = windowOf(turn.state)
    const together = spans.filter((span) => counts(span, atMs, withinMs))
    const firstSeenMs = Math.min(...together.map(({ fromMs }) => fromMs))
    turn.fire(atMs, cause, hit, { count: together.length, firstSeenMs })
  }
  /** What began while the alert was open, and lies after its end, has not been asked yet whether it opens another. */
  const judgeBegun = (turn: Turn, afterMs: number) => {
    const { spans } = windowOf(turn.state)
    const begun = spans.filter(({ fromMs }) => fromMs > afterMs).toSorted((a, b) => a.fromMs - b.fromMs)
    const first = begun.find(({ fromMs }) => holds(spans, fromMs))
    if (first) fire(turn, first.fromMs, first.id, undefined)
  }
  /** What has ended by then counts no more; an end that is told late ends nothing before it began. */
  const settle = (turn: Turn, endMs: number) => {
    const { alert } = turn.state
    if (!alert) return
    const atMs = Math.max(endMs, alert.firedAtMs)
    const left = windowOf(turn.state).spans.filter(({ untilMs }) => untilMs === undefined || untilMs + withinMs > atMs)
    if (holds(left, atMs)) return
    turn.resolve(atMs, false)
    judgeBegun(turn, atMs)
  }
  return {
    fresh: (): CompositeWindow => ({ spans: [] }),
    take(turn, hit) {
      const { spans } = windowOf(turn.state)
      const { member } = hit
      if (!member) return undefined
      const { ruleId: rule, alertId: id, kind, isInstant, isLast } = member
      const isFiring = kind === 'firing'
      if (isFiring) spans.push({ rule, id, fromMs: hit.atMs, ...(isInstant && { untilMs: hit.atMs }) })
      else {
        const span = spans.find((each) => each.id === id)
        if (span) span.untilMs = Math.max(span.fromMs, hit.atMs)
      }
      if (isFiring && turn.state.alert) turn.join(hit)
      else if (isFiring && isLast) {
        const atMs = Math.max(...spans.map(({ fromMs }) => fromMs))
        if (holds(spans, atMs)) fire(turn, atMs, hit.id, hit)
      }
      if (isLast && withinMs === 0) settle(turn, hit.atMs)
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
