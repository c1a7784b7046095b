/** What is seen of the broker and of ourselves at one moment; what could not be read is absent. */
export interface Reading {
  readonly atMs: number
  /** Memory used, as a share of the broker's own limit. */
  readonly memory?: number | undefined
  readonly isAlarmed?: boolean | undefined
  /** The broker's resources could be read before, and cannot now. */
  readonly isBlind?: boolean | undefined
  /** Trace messages a second. */
  readonly rate?: number | undefined
  /** Of one core. */
  readonly cpu?: number | undefined
  /** How full the trace queue is, as a share of its bound. */
  readonly fill?: number | undefined
}

export interface GuardLimits {
  readonly memory: number
  /** Trace messages a second beyond which the broker is spared; far above the sampling rate. */
  readonly rate: number
  readonly cpu: number
}

export const stopReasons = ['memory', 'alarm', 'rate', 'cpu', 'queue-full', 'blind'] as const
export type StopReason = (typeof stopReasons)[number]

/**
 * open → stopped → open. It stops at once for the broker's sake (memory, alarm), and for what lasts (rate, CPU, a full
 * queue, resources that can no longer be read). It opens again when the memory is clearly below its limit, no alarm
 * stands and the resources can be read, and not before a rest that doubles with each stop and is forgotten after a
 * good while.
 */
export interface GuardState {
  readonly phase: 'open' | 'stopped'
  readonly reason?: StopReason
  readonly sinceMs: number
  readonly stops: number
  /** Since when each reason has held without a break. */
  readonly held: Readonly<Partial<Record<StopReason, number>>>
}

/** Where it begins. */
export const openState = (atMs: number): GuardState => ({ phase: 'open', sinceMs: atMs, stops: 0, held: {} })

const patienceMs = { memory: 0, alarm: 0, rate: 10_000, cpu: 30_000, 'queue-full': 30_000, blind: 60_000 } as const
const restMs = 30_000
const maxRestMs = 15 * 60_000
/** A firehose that has run so long has earned a short rest again. */
const forgiveAfterMs = 15 * 60_000
/** Clearly below: at the limit itself it would open and close for ever. */
const hysteresis = 0.9
const fullQueue = 0.95

/** The next state, from the previous one and one reading. */
export function advanceGuard(state: GuardState, reading: Reading, limits: GuardLimits): GuardState {
  const { atMs } = reading
  const held: Partial<Record<StopReason, number>> = {}
  for (const reason of stopReasons) if (holds(reason, reading, limits)) held[reason] = state.held[reason] ?? atMs
  if (state.phase === 'stopped') return mayOpen(state, reading, limits) ? reopened(state, atMs) : { ...state, held }
  const reason = stopReasons.find((name) => atMs - (held[name] ?? Infinity) >= patienceMs[name])
  if (reason === undefined) return { ...state, held }
  const stops = atMs - state.sinceMs >= forgiveAfterMs ? 1 : state.stops + 1
  return { phase: 'stopped', reason, sinceMs: atMs, stops, held }
}

/** How long a stop lasts at the least, in ms. */
export function restOf({ stops }: GuardState): number {
  return Math.min(maxRestMs, restMs * 2 ** Math.max(0, stops - 1))
}

function mayOpen(state: GuardState, { atMs, memory, isAlarmed, isBlind }: Reading, limits: GuardLimits): boolean {
  if (isAlarmed === true || isBlind === true) return false
  return !(memory !== undefined && memory >= limits.memory * hysteresis) && atMs - state.sinceMs >= restOf(state)
}

function reopened({ stops }: GuardState, atMs: number): GuardState {
  return { phase: 'open', sinceMs: atMs, stops, held: {} }
}

function holds(reason: StopReason, reading: Reading, limits: GuardLimits): boolean {
  const { memory, isAlarmed, rate, cpu, fill, isBlind } = reading
  switch (reason) {
    case 'memory':
      return memory !== undefined && memory > limits.memory
    case 'alarm':
      return isAlarmed === true
    case 'rate':
      return rate !== undefined && rate > limits.rate
    case 'cpu':
      return cpu !== undefined && cpu > limits.cpu
    case 'queue-full':
      return fill !== undefined && fill >= fullQueue
    case 'blind':
      return isBlind === true
  }
}
