import type { Bound, Rule, Spec } from '../../../../alerting/rules/rule.ts'
import { satisfies, valuesAt } from './slow-condition.ts'

export interface GivenEvent {
  readonly atMs: number
  readonly event: Readonly<Record<string, unknown>>
}

export interface Told {
  readonly key: string
  readonly kind: 'firing' | 'resolved'
  readonly atMs: number
}

/** One event of one key that satisfied the rule. */
interface Sample {
  readonly atMs: number
  readonly event: unknown
  readonly isResolving: boolean
}

export interface Course {
  readonly startMs: number
  readonly untilMs: number
  /** Everything happens on its beats. */
  readonly tickMs: number
  readonly latenessMs: number
}

/**
 * Slow and obvious: what a rule means over events in the order of their times. Each key by itself; types that are states
 * are asked at every tick whether their sentence holds, types that are instants at every event, by trying everything. Knows
 * nothing of windows kept, watermarks, timers or networks.
 */
export function whatIsTold(rule: Rule, events: readonly GivenEvent[], course: Course): Told[] {
  const keys = new Map<string, Sample[]>()
  for (const key of begunWith(rule)) keys.set(key, [])
  for (const { atMs, event } of events) {
    const isResolving =
      rule.spec.kind === 'match' && rule.spec.resolveWhen !== undefined && satisfies(rule.spec.resolveWhen, event)
    if (!isResolving && !satisfies(rule.where, event)) continue
    if (rule.spec.kind === 'sequence' && !rule.spec.steps.some(({ condition }) => satisfies(condition, event))) continue
    for (const key of keysOf(rule, event)) keys.set(key, [...(keys.get(key) ?? []), { atMs, event, isResolving }])
  }
  const firstMs = [...keys.values()].flat().reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY)
  return [...keys].flatMap(([key, samples]) =>
    ofKey(rule.spec, samples, course, begunWith(rule).includes(key), firstMs).map((told) => ({ key, ...told })),
  )
}

/** Keys that are judged although no event names them. */
function begunWith({ spec, groupBy }: Rule): string[] {
  const isJudged =
    spec.kind === 'absence' || ((spec.kind === 'count' || spec.kind === 'distinct') && isLower(spec.bound))
  return isJudged && groupBy.length === 0 ? ['[]'] : []
}

function keysOf({ groupBy }: Rule, event: unknown): string[] {
  const values = groupBy.map(({ path }) => [...new Set(valuesAt(event, path.join('.')))])
  return values
    .reduce<unknown[][]>((keys, of) => keys.flatMap((key) => of.map((value) => [...key, value])), [[]])
    .map((key) => JSON.stringify(key))
}

const isLower = ({ operator }: Bound) => operator === 'lt' || operator === 'lte'

type OfKey = Omit<Told, 'key'>

function ofKey(spec: Spec, samples: readonly Sample[], course: Course, isBegun: boolean, ruleFirstMs: number): OfKey[] {
  switch (spec.kind) {
    case 'match':
      return matches(spec, samples, course)
    case 'change':
      return changes(spec, samples)
    case 'newValue':
      return newValues(spec, samples, ruleFirstMs)
    case 'sequence':
      return sequences(spec, samples)
    default:
      return episodes(spec, samples, course, isBegun)
  }
}

/** What is a state: from the first instant at which it holds to the first at which it does not. */
function episodes(
  spec: Spec,
  samples: readonly Sample[],
  { startMs, untilMs, tickMs }: Course,
  isBegun: boolean,
): OfKey[] {
  const counted = samples.filter(({ event }) => valueOf(spec, event) !== undefined)
  const firstMs = isBegun ? startMs : counted[0]?.atMs
  if (firstMs === undefined) return []
  const told: OfKey[] = []
  let isOpen = false
  for (let atMs = startMs; atMs <= untilMs; atMs += tickMs) {
    const holds = holdsAt(spec, counted, atMs, firstMs)
    if (holds === isOpen) continue
    isOpen = holds
    told.push({ kind: holds ? 'firing' : 'resolved', atMs })
  }
  return told
}

/** What a type looks at; undefined: the event does not concern it. */
function valueOf(spec: Spec, event: unknown): unknown {
  if (spec.kind === 'distinct') return valuesAt(event, spec.field.join('.'))[0]
  if (spec.kind !== 'metric') return true
  const number = valuesAt(event, spec.field.join('.'))[0]
  if (typeof number !== 'number') return undefined
  if (!spec.divisor) return number
  const by = valuesAt(event, spec.divisor.join('.'))[0]
  return typeof by === 'number' && by !== 0 ? number / by : undefined
}

function meets({ operator, value }: Bound, number: number): boolean {
  return { gt: number > value, gte: number >= value, lt: number < value, lte: number <= value }[operator]
}

function holdsAt(spec: Spec, samples: readonly Sample[], atMs: number, firstMs: number): boolean {
  const within = (ms: number, until = atMs) => samples.filter((each) => each.atMs > until - ms && each.atMs <= until)
  const isFull = (bound: Bound, ms: number) => !isLower(bound) || atMs >= firstMs + ms
  switch (spec.kind) {
    case 'count':
      return isFull(spec.bound, spec.withinMs) && meets(spec.bound, within(spec.withinMs).length)
    case 'distinct': {
      const values = within(spec.withinMs).map(({ event }) => valueOf(spec, event))
      return isFull(spec.bound, spec.withinMs) && meets(spec.bound, new Set(values).size)
    }
    case 'ratio': {
      const all = within(spec.withinMs)
      const part = all.filter(({ event }) => satisfies(spec.of, event))
      return (
        isFull(spec.bound, spec.withinMs) && all.length >= spec.minTotal && meets(spec.bound, part.length / all.length)
      )
    }
    case 'absence':
      return atMs >= firstMs && within(spec.forMs).length === 0 && atMs >= firstMs + spec.forMs
    case 'spike': {
      const current = within(spec.windowMs).length
      const reference = within(spec.windowMs, atMs - spec.windowMs).length
      if (atMs < firstMs + 2 * spec.windowMs || reference < spec.minReference) return false
      const isUp = current >= spec.minCurrent && current >= spec.ratio * reference
      const isDown = current * spec.ratio <= reference
      return (spec.direction !== 'down' && isUp) || (spec.direction !== 'up' && isDown)
    }
    case 'metric':
      return metricHolds(spec, samples, atMs)
    default:
      throw new Error(`${spec.kind} is no state`)
  }
}

/** Since some sample at least `for` ago every sample's window was beyond the bound, and no gap was twice the window. */
function metricHolds(spec: Spec & { kind: 'metric' }, samples: readonly Sample[], atMs: number): boolean {
  const past = samples.filter((sample) => sample.atMs <= atMs)
  const isBeyond = ({ atMs: sampleMs }: Sample) => {
    const window = past.filter((other) => other.atMs > sampleMs - spec.withinMs && other.atMs <= sampleMs)
    const number = aggregate(spec, window)
    return number !== undefined && meets(spec.bound, number)
  }
  return past.some((start, index) => {
    if (start.atMs > atMs - spec.forMs) return false
    const run = past.slice(index)
    const times = [...run.map((sample) => sample.atMs), atMs]
    return run.every(isBeyond) && times.every((time, each) => each === 0 || time - times[each - 1]! < 2 * spec.withinMs)
  })
}

function aggregate(spec: Spec & { kind: 'metric' }, window: readonly Sample[]): number | undefined {
  const values = window.map(({ event }) => valueOf(spec, event) as number)
  const sum = values.reduce((total, value) => total + value, 0)
  switch (spec.op) {
    case 'sum':
      return sum
    case 'avg':
      return sum / values.length
    case 'min':
      return Math.min(...values)
    case 'max':
      return Math.max(...values)
    case 'p95':
      return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]
    case 'rate': {
      const seconds = (window.at(-1)!.atMs - window[0]!.atMs) / 1000
      // A counter that fell began anew at nothing.
      const steps = values.slice(1).map((value, index) => (value < values[index]! ? value : value - values[index]!))
      return seconds > 0 ? steps.reduce((total, step) => total + step, 0) / seconds : undefined
    }
  }
}

/** Open from a match to the first silence of `quiet`, as far as it was decided before the next came; or until it is cleared. */
function matches(spec: Spec & { kind: 'match' }, samples: readonly Sample[], { untilMs, latenessMs }: Course): OfKey[] {
  const told: OfKey[] = []
  let lastMs: number | undefined
  for (const { atMs, isResolving } of samples) {
    const quietEnds = lastMs !== undefined && spec.quietMs !== undefined ? lastMs + spec.quietMs : undefined
    if (quietEnds !== undefined && quietEnds < atMs && quietEnds <= atMs - latenessMs) {
      told.push({ kind: 'resolved', atMs: quietEnds })
      lastMs = undefined
    }
    if (isResolving) {
      if (lastMs !== undefined) told.push({ kind: 'resolved', atMs })
      lastMs = undefined
      continue
    }
    if (lastMs === undefined) told.push({ kind: 'firing', atMs })
    lastMs = atMs
    if (spec.quietMs !== 0) continue
    told.push({ kind: 'resolved', atMs })
    lastMs = undefined
  }
  if (lastMs !== undefined && spec.quietMs !== undefined && lastMs + spec.quietMs <= untilMs)
    told.push({ kind: 'resolved', atMs: lastMs + spec.quietMs })
  return told
}

const instant = (atMs: number): OfKey[] => [
  { kind: 'firing', atMs },
  { kind: 'resolved', atMs },
]

function changes({ field }: Spec & { kind: 'change' }, samples: readonly Sample[]): OfKey[] {
  const values = samples.flatMap(({ atMs, event }) =>
    valuesAt(event, field.join('.'))
      .slice(0, 1)
      .map((value) => ({ atMs, value })),
  )
  return values.flatMap(({ atMs, value }, index) =>
    index > 0 && values[index - 1]!.value !== value ? instant(atMs) : [],
  )
}

function newValues(spec: Spec & { kind: 'newValue' }, samples: readonly Sample[], ruleFirstMs: number): OfKey[] {
  const tuples = samples.flatMap(({ atMs, event }) => {
    const tuple = spec.fields.map((field) => valuesAt(event, field.join('.'))[0])
    return tuple.includes(undefined) ? [] : [{ atMs, tuple: JSON.stringify(tuple) }]
  })
  return tuples.flatMap(({ atMs, tuple }, index) => {
    const isKnown = tuples.slice(0, index).some((other) => other.tuple === tuple && other.atMs > atMs - spec.rememberMs)
    return isKnown || atMs < ruleFirstMs + spec.learnMs ? [] : instant(atMs)
  })
}

/** At each event every choice of earlier, unused events is tried; of those that make the steps the latest is taken. */
function sequences({ steps, withinMs, isOrdered }: Spec & { kind: 'sequence' }, samples: readonly Sample[]): OfKey[] {
  const told: OfKey[] = []
  const used = new Set<Sample>()
  const fits = (sample: Sample, step: number) => satisfies(steps[step]!.condition, sample.event)
  const wanted = steps.flatMap(({ isNot }, step) => (isNot ? [] : [step]))
  const isForbidden = (chosen: readonly number[], now: number) =>
    wanted.some((step, order) => {
      const from = order === 0 ? -1 : chosen[order - 1]!
      const nots = steps.flatMap(({ isNot }, each) =>
        isNot && each < step && each > (wanted[order - 1] ?? -1) ? [each] : [],
      )
      return samples.slice(0, now + 1).some((sample, index) => {
        if (index >= chosen[order]! || !nots.some((not) => fits(sample, not))) return false
        return order === 0 ? sample.atMs > samples[chosen[0]!]!.atMs - withinMs : index > from
      })
    })
  samples.forEach((sample, now) => {
    const free = samples.flatMap((each, index) =>
      index <= now && !used.has(each) && each.atMs > sample.atMs - withinMs ? [index] : [],
    )
    const choices = choose(free, wanted.length, isOrdered).filter(
      (chosen) =>
        chosen.includes(now) &&
        wanted.every((step, order) => fits(samples[chosen[order]!]!, step)) &&
        (!isOrdered || !isForbidden(chosen, now)),
    )
    const best = choices.toSorted((a, b) => latest(b, a))[0]
    if (!best) return
    for (const index of best) used.add(samples[index]!)
    told.push(...instant(sample.atMs))
  })
  return told
}

/** Every way to take `count` of some places: rising, or in any order. */
function choose(places: readonly number[], count: number, isRising: boolean): number[][] {
  if (count === 0) return [[]]
  return places.flatMap((place) =>
    choose(
      isRising ? places.filter((other) => other > place) : places.filter((other) => other !== place),
      count - 1,
      isRising,
    ).map((rest) => [place, ...rest]),
  )
}

function latest(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((place, each) => place !== b[each])
  return index < 0 ? 0 : a[index]! - b[index]!
}
