import type { ThumpEvent } from '../../event/event.ts'
import type { TopicName } from '../../event/topics.ts'
import type { Predicate } from '../rules/predicate.ts'
import type { Spec } from '../rules/rule.ts'
import type { Evaluator, Hit, Turn } from './key-state.ts'

/** An event that satisfies one or more steps (bits), in the order of event time. */
interface Part {
  readonly atMs: number
  readonly id: string
  readonly steps: number
}

interface SequenceWindow {
  parts: Part[]
  /** Complete but for a trailing `not`: decided at `dueMs`. */
  pending: Array<{ readonly firstMs: number; readonly lastMs: number; readonly dueMs: number; readonly cause: string }>
}

const maxParts = 1000

/** Steps on one key within a time; a part is used up by firing. */
export function createSequence(spec: Spec & { kind: 'sequence' }, predicates: readonly Predicate[]): Evaluator {
  const { steps, withinMs, isOrdered } = spec
  const find = isOrdered
    ? orderedFinder(spec)
    : (parts: readonly Part[]) => findUnordered(parts, steps.length, withinMs)
  const last = steps.length - 1
  const trailing = isOrdered && steps[last]?.isNot ? 1 << last : 0
  return {
    fresh: (): SequenceWindow => ({ parts: [], pending: [] }),
    stepsOf(event: ThumpEvent, topic: TopicName) {
      let bits = 0
      steps.forEach((step, index) => {
        if (step.topics.includes(topic) && predicates[index]?.(event)) bits |= 1 << index
      })
      return bits
    },
    take(turn, hit) {
      const window = turn.state.window as SequenceWindow
      const bits = hit.steps ?? 0
      if (bits & trailing)
        window.pending = window.pending.filter(({ lastMs, dueMs }) => hit.atMs < lastMs || hit.atMs > dueMs)
      insert(window.parts, { atMs: hit.atMs, id: hit.id, steps: bits })
      if (window.parts.length > maxParts) window.parts.shift()
      const found = find(window.parts)
      if (!found) return undefined
      const used = new Set(found)
      window.parts = window.parts.filter((part) => !used.has(part))
      const times = found.map(({ atMs }) => atMs)
      const firstMs = Math.min(...times)
      const lastMs = Math.max(...times)
      if (!trailing) fire(turn, lastMs, hit.id, hit, firstMs, found.length)
      else if (
        !window.parts.some((part) => part.steps & trailing && part.atMs >= lastMs && part.atMs <= firstMs + withinMs)
      )
        window.pending.push({ firstMs, lastMs, dueMs: firstMs + withinMs, cause: hit.id })
      return undefined
    },
    advance(turn, watermarkMs) {
      const window = turn.state.window as SequenceWindow
      const due = window.pending.filter(({ dueMs }) => dueMs <= watermarkMs).toSorted((a, b) => a.dueMs - b.dueMs)
      window.pending = window.pending.filter(({ dueMs }) => dueMs > watermarkMs)
      for (const { dueMs, cause, firstMs } of due) fire(turn, dueMs, cause, undefined, firstMs, 1)
      // A leading `not` looks one more window back.
      window.parts = window.parts.filter(({ atMs }) => atMs > watermarkMs - 2 * withinMs)
    },
    dueMs({ window }) {
      const { parts, pending } = window as SequenceWindow
      const due = Math.min(...pending.map(({ dueMs }) => dueMs))
      return Math.min(due, (parts.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) + 2 * withinMs)
    },
    isSpent: ({ window }) =>
      (window as SequenceWindow).parts.length === 0 && (window as SequenceWindow).pending.length === 0,
  }
}

function fire(turn: Turn, atMs: number, cause: string, hit: Hit | undefined, firstSeenMs: number, count: number): void {
  turn.fire(atMs, cause, hit, { count, firstSeenMs })
  turn.resolve(atMs, true)
}

function insert(parts: Part[], part: Part): void {
  let index = parts.length
  while (index > 0 && (parts[index - 1] as Part).atMs > part.atMs) index--
  parts.splice(index, 0, part)
}

/** The parts of a partial match of the first steps, the latest start of all. */
interface Chain {
  readonly firstMs: number
  readonly parts: readonly Part[]
}

/** Steps in order; of several starts the latest counts, since it leaves the most time. */
function orderedFinder({
  steps,
  withinMs,
}: Spec & { kind: 'sequence' }): (parts: readonly Part[]) => readonly Part[] | undefined {
  const wanted = steps.flatMap(({ isNot }, index) => (isNot ? [] : [index]))
  // Bits of the steps that must not come after the n-th wanted one, before the next.
  const between = wanted.map((from, order) => bitsBetween(steps, from, wanted[order + 1]))
  const leading = bitsBetween(steps, -1, wanted[0])
  return (parts) => {
    let best: Array<Chain | undefined> = wanted.map(() => undefined)
    let forbiddenMs = Number.NEGATIVE_INFINITY
    for (const part of parts) {
      const next = [...best]
      wanted.forEach((step, order) => {
        if (!(part.steps & (1 << step))) return
        const before = order === 0 ? { firstMs: part.atMs, parts: [] } : best[order - 1]
        if (!before || before.firstMs <= part.atMs - withinMs) return
        if (order === 0 && forbiddenMs > part.atMs - withinMs) return
        const old = next[order]
        if (!old || old.firstMs <= before.firstMs)
          next[order] = { firstMs: before.firstMs, parts: [...before.parts, part] }
      })
      const complete = next[wanted.length - 1]
      if (complete?.parts.at(-1) === part) return complete.parts
      between.forEach((bits, order) => {
        if (part.steps & bits && next[order] === best[order]) next[order] = undefined
      })
      if (part.steps & leading) forbiddenMs = part.atMs
      best = next
    }
    return undefined
  }
}

function bitsBetween(steps: (Spec & { kind: 'sequence' })['steps'], from: number, to: number | undefined): number {
  // After the last wanted step stands only a trailing `not`, which time decides.
  if (to === undefined) return 0
  let bits = 0
  for (let index = from + 1; index < to; index++) if (steps[index]?.isNot) bits |= 1 << index
  return bits
}

/** Steps in any order: each by an event of its own, the latest events preferred. */
function findUnordered(parts: readonly Part[], stepCount: number, withinMs: number): readonly Part[] | undefined {
  const newest = parts.at(-1)
  if (!newest) return undefined
  const partOfStep: Array<Part | undefined> = Array.from({ length: stepCount })
  let filled = 0
  const place = (part: Part, tried: Set<number>): boolean => {
    for (let step = 0; step < stepCount; step++) {
      if (!(part.steps & (1 << step)) || tried.has(step)) continue
      tried.add(step)
      const holder = partOfStep[step]
      if (holder && !place(holder, tried)) continue
      partOfStep[step] = part
      return true
    }
    return false
  }
  for (let index = parts.length - 1; index >= 0 && filled < stepCount; index--) {
    const part = parts[index] as Part
    if (part.atMs <= newest.atMs - withinMs) break
    if (place(part, new Set())) filled++
  }
  return filled === stepCount ? partOfStep.filter((part) => part !== undefined) : undefined
}
