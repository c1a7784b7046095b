import { type FieldPath, fieldValue } from '../rules/field.ts'
import type { Predicate } from '../rules/predicate.ts'
import { type Bound, isEager, meets, type Spec } from '../rules/rule.ts'
import type { Level, LevelWindow, Suspicion } from './level.ts'
import { windowOf } from './samples.ts'

const within = (window: LevelWindow, atMs: number, withinMs: number) => windowOf(window.times, atMs, withinMs)

/** `lt` and `lte` are judged after one full window. */
function isWarm(bound: Bound, window: LevelWindow, atMs: number, withinMs: number): boolean {
  return isEager(bound) || atMs >= (window.firstMs ?? atMs) + withinMs
}

export function countLevel({ bound, withinMs }: Spec & { kind: 'count' }): Level {
  const countAt = (window: LevelWindow, atMs: number) => {
    const { from, to } = within(window, atMs, withinMs)
    return to - from
  }
  return {
    holds: isEager(bound)
      ? // As long as all that is kept does not reach the bound, nothing need be looked for.
        (window, atMs) => meets(bound, window.times.length) && meets(bound, countAt(window, atMs))
      : (window, atMs) => isWarm(bound, window, atMs, withinMs) && meets(bound, countAt(window, atMs)),
    offsets: [0, withinMs],
    warmUpMs: isEager(bound) ? 0 : withinMs,
    reachMs: withinMs,
    isEager: isEager(bound),
    isMonotone: isEager(bound),
    settlesBetween: false,
    countAt,
    isLasting: !isEager(bound),
  }
}

export function distinctLevel({ field, bound, withinMs }: Spec & { kind: 'distinct' }): Level {
  const countAt = (window: LevelWindow, atMs: number) => {
    const { from, to } = within(window, atMs, withinMs)
    return new Set(window.values?.slice(from, to)).size
  }
  return {
    measure: ({ event }) => scalar(fieldValue(event, field)),
    holds: (window, atMs) => isWarm(bound, window, atMs, withinMs) && meets(bound, countAt(window, atMs)),
    offsets: [0, withinMs],
    warmUpMs: isEager(bound) ? 0 : withinMs,
    reachMs: withinMs,
    isEager: isEager(bound),
    isMonotone: isEager(bound),
    settlesBetween: false,
    countAt,
    isLasting: !isEager(bound),
  }
}

export function ratioLevel({ bound, withinMs, minTotal }: Spec & { kind: 'ratio' }, isPart: Predicate): Level {
  const share = (window: LevelWindow, atMs: number) => {
    const { from, to } = within(window, atMs, withinMs)
    let part = 0
    for (let index = from; index < to; index++) part += window.values?.[index] as number
    return { part, total: to - from }
  }
  return {
    measure: ({ event }) => (isPart(event) ? 1 : 0),
    holds: (window, atMs) => {
      const { part, total } = share(window, atMs)
      return isWarm(bound, window, atMs, withinMs) && total >= minTotal && meets(bound, part / total)
    },
    offsets: [0, withinMs],
    warmUpMs: isEager(bound) ? 0 : withinMs,
    reachMs: withinMs,
    isEager: isEager(bound),
    isMonotone: false,
    settlesBetween: false,
    countAt: (window, atMs) => share(window, atMs).part,
    isLasting: false,
  }
}

export function spikeLevel({ direction, ratio, windowMs, minReference, minCurrent }: Spec & { kind: 'spike' }): Level {
  const counts = (window: LevelWindow, atMs: number) => {
    const { from, to } = within(window, atMs, windowMs)
    return { current: to - from, reference: from - within(window, atMs - windowMs, windowMs).from }
  }
  const isReady = (window: LevelWindow, atMs: number, reference: number) =>
    atMs >= (window.firstMs ?? atMs) + 2 * windowMs && reference >= minReference
  const up = (window: LevelWindow, atMs: number) => {
    const { current, reference } = counts(window, atMs)
    return (
      direction !== 'down' && isReady(window, atMs, reference) && current >= minCurrent && current >= ratio * reference
    )
  }
  const down = (window: LevelWindow, atMs: number) => {
    const { current, reference } = counts(window, atMs)
    return direction !== 'up' && isReady(window, atMs, reference) && current * ratio <= reference
  }
  return {
    holds: (window, atMs) => up(window, atMs) || down(window, atMs),
    holdsOnArrival: up,
    offsets: [0, windowMs, 2 * windowMs],
    warmUpMs: 2 * windowMs,
    reachMs: 2 * windowMs,
    isEager: direction !== 'down',
    isMonotone: false,
    settlesBetween: false,
    countAt: (window, atMs) => counts(window, atMs).current,
    isLasting: true,
  }
}

export function metricLevel(spec: Spec & { kind: 'metric' }): Level {
  const { bound, withinMs, forMs } = spec
  const suspicion = suspicionOf(spec)
  return {
    measure: ({ event }) => quotient(event, spec.field, spec.divisor),
    ...(suspicion && { suspicion }),
    holds: (window, atMs) => heldSince(window, atMs, spec) !== undefined,
    offsets: [0, forMs, 2 * withinMs],
    warmUpMs: 0,
    reachMs: 2 * withinMs + forMs,
    isEager: isEager(bound),
    isMonotone: false,
    settlesBetween: true,
    countAt: (window, atMs) => {
      const { from, to } = within(window, atMs, withinMs)
      return to - from
    },
    isLasting: false,
  }
}

/** What a sum of roundings may add to an average of equal values. */
const rounding = 1e-9

/** An average, an extreme or a percentile is beyond a bound only where one of its samples is; a sum or a rate may be at any time. */
function suspicionOf({ op, bound }: Spec & { kind: 'metric' }): Suspicion | undefined {
  if (op === 'sum' || op === 'rate') return undefined
  const side = isEager(bound) ? rounding : -rounding
  return {
    bound: bound.value,
    isRaisedBy: (value) => meets(bound, (value as number) + Math.abs(value as number) * side),
  }
}

/** The start of the run of samples beyond the bound that reaches to `atMs` and is at least `for` long. */
function heldSince(
  window: LevelWindow,
  atMs: number,
  { bound, withinMs, forMs, op }: Spec & { kind: 'metric' },
): number | undefined {
  const { to } = windowOf(window.times, atMs, 0)
  let since: number | undefined
  for (let index = to - 1; index >= 0; index--) {
    const sampleMs = window.times[index] as number
    const nextMs = index === to - 1 ? atMs : (window.times[index + 1] as number)
    // No sample for twice the window interrupts.
    if (nextMs - sampleMs >= 2 * withinMs) break
    const { from } = windowOf(window.times, sampleMs, withinMs)
    const value = aggregate(op, window, from, upToSame(window.times, index))
    if (value === undefined || !meets(bound, value)) break
    since = sampleMs
    if (since <= atMs - forMs) return since
  }
  return since !== undefined && since <= atMs - forMs ? since : undefined
}

/** Samples of one instant belong to one window. */
function upToSame(times: readonly number[], index: number): number {
  let end = index + 1
  while (times[end] === times[index]) end++
  return end
}

function aggregate(
  op: (Spec & { kind: 'metric' })['op'],
  window: LevelWindow,
  from: number,
  to: number,
): number | undefined {
  if (from >= to) return undefined
  const values = window.values as number[]
  switch (op) {
    case 'avg':
      return sum(values, from, to) / (to - from)
    case 'sum':
      return sum(values, from, to)
    case 'min':
    case 'max':
      return extreme(values, from, to, op)
    case 'p95':
      return values.slice(from, to).toSorted((a, b) => a - b)[Math.ceil((to - from) * 0.95) - 1]
    case 'rate': {
      const seconds = ((window.times[to - 1] as number) - (window.times[from] as number)) / 1000
      return seconds > 0 ? increase(values.slice(from, to)) / seconds : undefined
    }
  }
}

function sum(values: readonly number[], from: number, to: number): number {
  let total = 0
  for (let index = from; index < to; index++) total += values[index] as number
  return total
}

function extreme(values: readonly number[], from: number, to: number, which: 'min' | 'max'): number {
  let best = values[from] as number
  for (let index = from + 1; index < to; index++) {
    const value = values[index] as number
    if (which === 'min' ? value < best : value > best) best = value
  }
  return best
}

/** A counter that fell was reset: what it shows now has come since. */
function increase(values: readonly number[]): number {
  let sum = 0
  for (let index = 1; index < values.length; index++) {
    const step = (values[index] as number) - (values[index - 1] as number)
    sum += step >= 0 ? step : (values[index] as number)
  }
  return sum
}

function quotient(event: unknown, field: FieldPath, divisor: FieldPath | undefined): number | undefined {
  const value = fieldValue(event, field)
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  if (!divisor) return value
  const by = fieldValue(event, divisor)
  return typeof by === 'number' && Number.isFinite(by) && by !== 0 ? value / by : undefined
}

function scalar(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
