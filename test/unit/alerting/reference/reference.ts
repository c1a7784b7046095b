import type { Bound, Rule, Spec } from '../../../../alerting/rules/rule.ts'
import { meets } from '../../../../alerting/rules/rule.ts'

/** One event of one key that satisfied a rule, in the order read. */
export interface Sample {
  readonly atMs: number
  readonly value: number
}

export interface Episode {
  readonly kind: 'firing' | 'resolved'
  readonly atMs: number
}

/**
 * Slow and obvious: what a rule with in-order events of one key means, by asking at every single millisecond tick of the
 * test's coarse clock whether the rule's sentence holds. Knows nothing of windows kept, watermarks or timers.
 */
export function episodesOf(
  rule: Rule,
  samples: readonly Sample[],
  untilMs: number,
  tickMs: number,
  startMs: number,
): Episode[] {
  const episodes: Episode[] = []
  let isOpen = false
  for (let atMs = startMs; atMs <= untilMs; atMs += tickMs) {
    const holds = holdsAt(rule.spec, samples, atMs, startMs)
    if (holds === isOpen) continue
    isOpen = holds
    episodes.push({ kind: holds ? 'firing' : 'resolved', atMs })
  }
  return episodes
}

function holdsAt(spec: Spec, samples: readonly Sample[], atMs: number, startMs: number): boolean {
  const first = samples[0]?.atMs
  const within = (ms: number, untilMs = atMs) =>
    samples.filter((sample) => sample.atMs > untilMs - ms && sample.atMs <= untilMs)
  const isFull = (bound: Bound, ms: number, from: number | undefined) =>
    bound.operator === 'gt' || bound.operator === 'gte' || (from !== undefined && atMs >= from + ms)
  switch (spec.kind) {
    case 'count':
      return isFull(spec.bound, spec.withinMs, startMs) && meets(spec.bound, within(spec.withinMs).length)
    case 'distinct':
      return (
        isFull(spec.bound, spec.withinMs, startMs) &&
        meets(spec.bound, new Set(within(spec.withinMs).map(({ value }) => value)).size)
      )
    case 'ratio': {
      const all = within(spec.withinMs)
      return (
        all.length >= spec.minTotal &&
        isFull(spec.bound, spec.withinMs, first) &&
        meets(spec.bound, all.filter(({ value }) => value === 1).length / all.length)
      )
    }
    case 'absence': {
      const last = Math.max(startMs, ...samples.filter((sample) => sample.atMs <= atMs).map((sample) => sample.atMs))
      return atMs >= last + spec.forMs
    }
    case 'spike': {
      const current = within(spec.windowMs).length
      const reference = within(spec.windowMs, atMs - spec.windowMs).length
      if (first === undefined || atMs < first + 2 * spec.windowMs || reference < spec.minReference) return false
      const up = spec.direction !== 'down' && current >= spec.minCurrent && current >= spec.ratio * reference
      const down = spec.direction !== 'up' && current * spec.ratio <= reference
      return up || down
    }
    case 'metric':
      return metricHolds(spec, samples, atMs)
    default:
      throw new Error(`the reference knows no ${spec.kind}`)
  }
}

/** Since some sample at least `for` ago every sample's window was beyond the bound, and no gap was twice the window. */
function metricHolds(
  { bound, withinMs, forMs, op }: Spec & { kind: 'metric' },
  samples: readonly Sample[],
  atMs: number,
): boolean {
  const past = samples.filter((sample) => sample.atMs <= atMs)
  const isBeyond = ({ atMs: sampleMs }: Sample) => {
    const values = past
      .filter((other) => other.atMs > sampleMs - withinMs && other.atMs <= sampleMs)
      .map(({ value }) => value)
    const sum = values.reduce((total, value) => total + value, 0)
    const number =
      op === 'sum' ? sum : op === 'min' ? Math.min(...values) : op === 'max' ? Math.max(...values) : sum / values.length
    return meets(bound, number)
  }
  return past.some((start, index) => {
    if (start.atMs > atMs - forMs) return false
    const run = past.slice(index)
    const times = [...run.map((sample) => sample.atMs), atMs]
    return run.every(isBeyond) && times.every((time, each) => each === 0 || time - times[each - 1]! < 2 * withinMs)
  })
}
