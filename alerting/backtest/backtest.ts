import type { Rule } from '../rules/rule.ts'
import { Difference, type RuleDifference } from './difference.ts'
import type { Recording } from './recorded.ts'
import { Replay } from './replay.ts'
import { type RuleTally, Tally } from './tally.ts'

export interface BacktestRequest {
  readonly rules: readonly Rule[]
  /** What runs now, where it is known. */
  readonly running?: readonly Rule[] | undefined
  readonly recording: Recording
  /** Absent: from the first event to the last. */
  readonly range?: { readonly sinceMs: number; readonly untilMs: number }
  readonly nowMs: number
  readonly timezone: string
  readonly allowedLatenessMs: number
  readonly onProgress?: (events: number, atMs: number) => void
}

export interface Backtest {
  readonly events: number
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  readonly rules: readonly RuleTally[]
  readonly difference: readonly RuleDifference[] | undefined
  /** Lines that are no JSON object, and events that claim a time to come. */
  readonly invalid: number
  readonly ahead: number
  /** Events with a text that rules scan in part only. */
  readonly longText: number
}

const silent = {
  matched: () => {},
  late: () => {},
  skipped: () => {},
  evicted: () => {},
  invalid: () => {},
  ahead: () => {},
}

/** The past once more, by the rules given: what they would have told. Streams; memory is bounded by rules and keys. */
export async function backtest(request: BacktestRequest): Promise<Backtest> {
  const { rules, running, recording, range, nowMs, timezone, allowedLatenessMs, onProgress } = request
  const tally = new Tally(rules, timezone)
  const difference = running && new Difference(running, rules)
  let replays: Replay[] | undefined
  let events = 0
  let firstMs = range?.sinceMs
  let lastMs = firstMs
  const start = (startMs: number) => {
    const shared = { startMs, nowMs, allowedLatenessMs }
    const tested = new Replay({
      ...shared,
      rules,
      counts: tally.counts,
      onTransition(transition) {
        tally.add(transition)
        difference?.add('tested', transition)
      },
    })
    if (!difference || difference.running.length === 0) return [tested]
    const old = { ...shared, rules: difference.running, counts: silent }
    return [tested, new Replay({ ...old, onTransition: (transition) => difference.add('running', transition) })]
  }
  for await (const batch of recording) {
    for (const { atMs } of batch) {
      if (atMs === undefined || atMs > nowMs) continue
      firstMs ??= atMs
      if (lastMs === undefined || atMs > lastMs) lastMs = atMs
    }
    events += batch.length
    if (firstMs === undefined) continue
    replays ??= start(firstMs)
    for (const replay of replays) replay.take(batch)
    onProgress?.(events, lastMs ?? firstMs)
  }
  const untilMs = range ? Math.min(range.untilMs, nowMs) : lastMs
  if (firstMs !== undefined) replays ??= start(firstMs)
  if (untilMs !== undefined) for (const replay of replays ?? []) replay.finish(untilMs)
  return {
    events,
    sinceMs: firstMs,
    untilMs,
    rules: tally.rules(),
    difference: difference?.rules(),
    invalid: tally.invalid,
    ahead: tally.ahead,
    longText: tally.longText,
  }
}
