import type { Evaluator, Hit, KeyState, SkipReason, Turn } from './key-state.ts'
import { emptySamples, insertSample, maxSamples, pruneSamples, type Samples, upTo } from './samples.ts'

/** A rule that is a question about an instant: does it hold at T, by the samples of the windows that end there? */
export interface Level {
  /** What a sample keeps; undefined: the event lacks the field. */
  valueOf(hit: Hit): unknown
  readonly holds: (window: LevelWindow, atMs: number) => boolean
  /** The part of `holds` that an arrival may settle. */
  readonly holdsOnArrival?: (window: LevelWindow, atMs: number) => boolean
  /** Offsets after a sample at which the answer may change: 0, and when it leaves a window. */
  readonly offsets: readonly number[]
  /** An offset after the key's first event at which it begins to be judged. */
  readonly warmUpMs: number
  /** How long a sample matters. */
  readonly reachMs: number
  /** Is an upper bound: fires on arrival. */
  readonly isEager: boolean
  /** Only an arrival can make it true. */
  readonly isMonotone: boolean
  /** Instants between the sample before and an arriving one are settled by it as well. */
  readonly settlesBetween: boolean
  /** The number told with the alert. */
  countAt(window: LevelWindow, atMs: number): number
  /** Its absence of events means something: the key is never spent. */
  readonly isLasting: boolean
}

export interface LevelWindow extends Samples {
  firstMs: number
  sweptMs: number
}

export function createLevel(level: Level): Evaluator {
  const arrivalHolds = level.holdsOnArrival ?? level.holds
  return {
    fresh: (atMs): LevelWindow => ({ ...emptySamples(), firstMs: atMs, sweptMs: Number.MIN_SAFE_INTEGER }),
    take: (turn, hit) => take(level, arrivalHolds, turn, hit),
    advance: (turn, watermarkMs) => sweep(level, arrivalHolds, turn, watermarkMs),
    dueMs: (state) => dueMs(level, state),
    isSpent: ({ alert, window }) => !alert && !level.isLasting && (window as LevelWindow).times.length === 0,
  }
}

function take(level: Level, holds: Level['holds'], turn: Turn, hit: Hit): SkipReason | undefined {
  const window = turn.state.window as LevelWindow
  const value = level.valueOf(hit)
  if (value === undefined) return 'no-field'
  const newestBefore = window.times.at(-1)
  insertSample(window, hit.atMs, hit.id, value)
  if (window.times.length > maxSamples)
    pruneSamples(window, window.times[window.times.length - maxSamples - 1] as number)
  window.firstMs = Math.min(window.firstMs, hit.atMs)
  if (turn.state.alert) {
    turn.join(hit)
    return undefined
  }
  if (!level.isEager) {
    // Every window ending at or after it is judged again.
    window.sweptMs = Math.min(window.sweptMs, hit.atMs - 1)
    return undefined
  }
  const newest = window.times.at(-1) as number
  // Instants between the sample before and this one; those that were judged already stay judged.
  const between = level.settlesBetween && newestBefore !== undefined && newestBefore < hit.atMs
  const from = between ? Math.max(newestBefore, Math.min(window.sweptMs, hit.atMs - 0.5)) : hit.atMs - 0.5
  for (const atMs of from < hit.atMs - 1 || newest > hit.atMs ? points(level, window, from, newest) : [hit.atMs]) {
    if (!holds(window, atMs)) continue
    open(level, turn, atMs, hit.id, hit)
    return undefined
  }
  if (!level.isMonotone) window.sweptMs = Math.min(window.sweptMs, hit.atMs - 1)
  return undefined
}

function open(level: Level, turn: Turn, atMs: number, cause: string, hit: Hit | undefined): void {
  const window = turn.state.window as LevelWindow
  const count = level.countAt(window, atMs)
  const first = window.times[upTo(window.times, atMs - level.reachMs)]
  turn.fire(atMs, cause, hit, { count, firstSeenMs: Math.min(first ?? atMs, atMs) })
}

/** Instants in (fromMs, toMs] at which the answer may change, in order. */
function points(level: Level, window: LevelWindow, fromMs: number, toMs: number): number[] {
  const found = new Set<number>()
  for (const offset of level.offsets) {
    const end = upTo(window.times, toMs - offset)
    for (let index = upTo(window.times, fromMs - offset); index < end; index++)
      found.add((window.times[index] as number) + offset)
  }
  const warm = window.firstMs + level.warmUpMs
  if (level.warmUpMs > 0 && warm > fromMs && warm <= toMs) found.add(warm)
  return [...found].toSorted((a, b) => a - b)
}

function sweep(level: Level, holdsOnArrival: Level['holds'], turn: Turn, watermarkMs: number): void {
  const window = turn.state.window as LevelWindow
  let hasResolved = false
  if (watermarkMs > window.sweptMs && (turn.state.alert || !level.isMonotone || !level.isEager)) {
    for (const atMs of points(level, window, window.sweptMs, watermarkMs)) {
      const { alert } = turn.state
      const isHolding = level.holds(window, atMs)
      if (alert && !isHolding && atMs > alert.firedAtMs) {
        turn.resolve(atMs, false)
        hasResolved = true
      } else if (!alert && isHolding) open(level, turn, atMs, causeAt(window, atMs), undefined)
    }
    if (hasResolved && level.isEager && !turn.state.alert) judgeArrived(level, holdsOnArrival, turn, watermarkMs)
  }
  window.sweptMs = Math.max(window.sweptMs, watermarkMs)
  pruneSamples(window, watermarkMs - level.reachMs)
}

/** What arrived while the alert was open, and lies after its end, has not been asked yet whether it opens another. */
function judgeArrived(level: Level, holds: Level['holds'], turn: Turn, afterMs: number): void {
  const window = turn.state.window as LevelWindow
  const newest = window.times.at(-1)
  if (newest === undefined) return
  for (const atMs of points(level, window, afterMs, newest)) {
    if (!holds(window, atMs)) continue
    open(level, turn, atMs, causeAt(window, atMs), undefined)
    return
  }
}

/** The event at that instant, read last; where there is none, time itself: the deadline. */
function causeAt(window: LevelWindow, atMs: number): string {
  const index = upTo(window.times, atMs) - 1
  return window.times[index] === atMs ? (window.ids[index] as string) : `deadline ${atMs}`
}

function dueMs(level: Level, state: KeyState): number {
  const window = state.window as LevelWindow
  const newest = window.times.at(-1)
  const oldest = window.times[0]
  if (level.isMonotone && level.isEager && !state.alert) return newest === undefined ? 0 : newest + level.reachMs
  let due = Number.POSITIVE_INFINITY
  for (const offset of level.offsets) {
    const at = window.times[upTo(window.times, window.sweptMs - offset)]
    if (at !== undefined) due = Math.min(due, at + offset)
  }
  const warm = window.firstMs + level.warmUpMs
  if (level.warmUpMs > 0 && warm > window.sweptMs) due = Math.min(due, warm)
  if (due === Number.POSITIVE_INFINITY && oldest !== undefined) due = oldest + level.reachMs
  return due
}
