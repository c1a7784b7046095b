import type { Evaluator, Hit, KeyState, SkipReason, Turn } from './key-state.ts'
import { insertSample, maxSamples, pruneSamples, type Samples, upTo } from './samples.ts'

/** A rule that is a question about an instant: does it hold at T, by the samples of the windows that end there? */
export interface Level {
  /** What a sample keeps; undefined: the event lacks the field. Absent: nothing but its time. */
  readonly measure?: (hit: Hit) => unknown
  readonly holds: (window: LevelWindow, atMs: number) => boolean
  /** It holds only where a sample is kept that alone might; as long as none is, nothing else is asked. */
  readonly suspicion?: Suspicion
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

export interface Suspicion {
  /** What it was judged by: after an edit all samples are asked again. */
  readonly bound: number
  readonly isRaisedBy: (value: unknown) => boolean
}

export interface LevelWindow extends Samples {
  /** The key's first event; where it is judged only some time after it. */
  firstMs?: number
  /** Up to where it has been judged; absent where only arrivals are. */
  sweptMs?: number
  /** The latest sample that raises suspicion, and by which bound. */
  suspect?: { atMs: number; bound: number }
}

/** What a window without `sweptMs` has been judged up to. */
const never = Number.MIN_SAFE_INTEGER
const sweptOf = (window: LevelWindow): number => window.sweptMs ?? never

export function createLevel(level: Level): Evaluator {
  const arrivalHolds = level.holdsOnArrival ?? level.holds
  return {
    fresh: (atMs) => fresh(level, atMs),
    take: (turn, hit) => take(level, arrivalHolds, turn, hit),
    advance: (turn, watermarkMs) => sweep(level, arrivalHolds, turn, watermarkMs),
    dueMs: (state) => dueMs(level, state),
    isSpent: ({ alert, window }) => !alert && !level.isLasting && (window as LevelWindow).times.length === 0,
  }
}

function fresh(level: Level, atMs: number): LevelWindow {
  const window: LevelWindow = { times: [] }
  if (level.measure) window.values = []
  if (level.suspicion) window.suspect = { atMs: never, bound: level.suspicion.bound }
  if (level.warmUpMs > 0) window.firstMs = atMs
  return window
}

function take(level: Level, holds: Level['holds'], turn: Turn, hit: Hit): SkipReason | undefined {
  const window = turn.state.window as LevelWindow
  const value = level.measure?.(hit)
  if (level.measure && value === undefined) return 'no-field'
  const newestBefore = window.times.at(-1)
  insertSample(window, hit.atMs, value)
  if (level.suspicion?.isRaisedBy(value) && window.suspect)
    window.suspect.atMs = Math.max(window.suspect.atMs, hit.atMs)
  prune(level, turn, window)
  if (window.firstMs !== undefined && hit.atMs < window.firstMs) window.firstMs = hit.atMs
  if (turn.state.alert) {
    turn.join(hit)
    // Every window ending at or after it is judged again, also those that were found to hold.
    if (window.sweptMs !== undefined) window.sweptMs = Math.min(window.sweptMs, hit.atMs - 1)
    return undefined
  }
  if (!level.isEager) {
    // Every window ending at or after it is judged again.
    window.sweptMs = Math.min(sweptOf(window), hit.atMs - 1)
    return undefined
  }
  if (isQuiet(level, window)) {
    window.sweptMs = Math.min(sweptOf(window), hit.atMs - 1)
    return undefined
  }
  const newest = window.times.at(-1) as number
  // Instants between the sample before and this one; those that were judged already stay judged.
  const between = level.settlesBetween && newestBefore !== undefined && newestBefore < hit.atMs
  const from = between ? Math.max(newestBefore, Math.min(sweptOf(window), hit.atMs - 0.5)) : hit.atMs - 0.5
  for (const atMs of from < hit.atMs - 1 || newest > hit.atMs ? points(level, window, from, newest) : [hit.atMs]) {
    if (!holds(window, atMs)) continue
    open(level, turn, atMs, hit.id, hit)
    return undefined
  }
  if (!level.isMonotone) window.sweptMs = Math.min(sweptOf(window), hit.atMs - 1)
  return undefined
}

/** No sample that is kept could make it hold. */
function isQuiet({ suspicion }: Level, window: LevelWindow): boolean {
  if (!suspicion) return false
  if (window.suspect?.bound !== suspicion.bound) window.suspect = suspectOf(suspicion, window)
  const [oldestMs] = window.times
  return oldestMs === undefined || window.suspect.atMs < oldestMs
}

function suspectOf({ bound, isRaisedBy }: Suspicion, { times, values }: LevelWindow): { atMs: number; bound: number } {
  const latest = values?.findLastIndex(isRaisedBy) ?? -1
  return { atMs: times[latest] ?? never, bound }
}

/** A late event is taken a reach back, and its window reaches as far back again. */
const keepMs = ({ reachMs }: Level): number => 2 * reachMs
const pruneFrom = 128

/** A busy key is not swept: what lies before every window that will be asked goes once it is the half, or too many. */
function prune(level: Level, turn: Turn, window: LevelWindow): void {
  const { times } = window
  if (times.length > maxSamples) {
    pruneSamples(window, times[times.length - maxSamples - 1] as number)
    turn.skip('samples-cap')
  } else if (times.length >= pruneFrom && (times.length & (pruneFrom - 1)) === 0) {
    const doneMs = Math.min(turn.watermarkMs, window.sweptMs ?? turn.watermarkMs) - keepMs(level)
    if (upTo(times, doneMs) > times.length / 2) pruneSamples(window, doneMs)
  }
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
  const warm = warmMs(level, window)
  if (warm > fromMs && warm <= toMs) found.add(warm)
  return [...found].toSorted((a, b) => a - b)
}

/** When it begins to be judged; -Infinity: at once. */
function warmMs({ warmUpMs }: Level, { firstMs }: LevelWindow): number {
  return warmUpMs > 0 && firstMs !== undefined ? firstMs + warmUpMs : Number.NEGATIVE_INFINITY
}

function sweep(level: Level, holdsOnArrival: Level['holds'], turn: Turn, watermarkMs: number): void {
  const window = turn.state.window as LevelWindow
  let hasResolved = false
  const isJudged = turn.state.alert !== undefined || !level.isMonotone || !level.isEager
  const isOpenOrMay = turn.state.alert !== undefined || !isQuiet(level, window)
  if (isJudged && isOpenOrMay && watermarkMs > sweptOf(window)) {
    for (const atMs of points(level, window, sweptOf(window), watermarkMs)) {
      const { alert } = turn.state
      const isHolding = level.holds(window, atMs)
      if (alert && !isHolding && atMs > alert.firedAtMs) {
        turn.resolve(atMs, false)
        hasResolved = true
      } else if (!alert && isHolding) open(level, turn, atMs, causeAt(window, atMs), undefined)
    }
    if (hasResolved && level.isEager && !turn.state.alert) judgeArrived(level, holdsOnArrival, turn, watermarkMs)
  }
  if (isJudged) window.sweptMs = Math.max(sweptOf(window), watermarkMs)
  pruneSamples(window, watermarkMs - keepMs(level))
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

/** The events at that instant, by their time; where there are none, time itself: the deadline. */
function causeAt({ times }: LevelWindow, atMs: number): string {
  return times[upTo(times, atMs) - 1] === atMs ? `at ${atMs}` : `deadline ${atMs}`
}

function dueMs(level: Level, state: KeyState): number {
  const window = state.window as LevelWindow
  const newest = window.times.at(-1)
  const oldest = window.times[0]
  if (level.isMonotone && level.isEager && !state.alert) return newest === undefined ? 0 : newest + keepMs(level)
  let due = Number.POSITIVE_INFINITY
  for (const offset of level.offsets) {
    const at = window.times[upTo(window.times, sweptOf(window) - offset)]
    if (at !== undefined) due = Math.min(due, at + offset)
  }
  const warm = warmMs(level, window)
  if (warm > sweptOf(window)) due = Math.min(due, warm)
  if (due === Number.POSITIVE_INFINITY && oldest !== undefined) due = oldest + keepMs(level)
  return due
}
