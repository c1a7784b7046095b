import type { Logger } from '../../runtime/log.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { type Day, listDays } from './day-files.ts'
import type { WorkerOptions } from './messages.ts'
import type { DayProblem } from './verify-day.ts'
import { askOnce } from './worker-client.ts'

export interface VerifierTimes {
  /** A start has more urgent work. */
  readonly firstMs: number
  /** Between two older days. */
  readonly everyMs: number
}

const defaultTimes: VerifierTimes = { firstMs: 30_000, everyMs: 3_600_000 }
/** What a crash may have left wrong lies in the newest days. */
const newest = 2

export interface VerifierDeps {
  readonly log: Logger
  /** Makes a day's full-text index anew from its events; of how many. */
  readonly mend: (day: Day, signal: AbortSignal) => Promise<number>
}

/**
 * Looks for damage that nobody has asked for yet: the newest days soon after the start, then the others, one at a time. Each
 * finding is told once; a full-text index is made anew where all else of its day is whole.
 */
export function startVerifier(
  options: WorkerOptions,
  { log, mend }: VerifierDeps,
  times = defaultTimes,
): Started<undefined> {
  const stopping = new AbortController()
  const { signal } = stopping
  const told = new Set<Day>()
  /** Null where it could not be looked at. */
  const look = async (day: Day) => {
    try {
      return (await askOnce(options, { op: 'verify', day }, signal)).problem
    } catch (err) {
      // One day that is too much for it must not keep the others from being looked at.
      if (!signal.aborted) log.warn({ day, err }, 'a stored day is not looked through')
      return null
    }
  }
  const tell = (day: Day, { reason }: DayProblem) => {
    if (!told.has(day))
      log.error({ day, reason, dir: options.dir }, "a day's file is damaged: answers may lack some of its events")
    told.add(day)
  }
  const running = (async () => {
    await sleep(times.firstMs, signal)
    for (;;) {
      const days = listDays(options.dir).toReversed()
      for (const [index, day] of days.entries()) {
        if (index >= newest) await sleep(times.everyMs, signal)
        const problem = await look(day)
        if (!problem) continue
        tell(day, problem)
        if (!problem.isOfWords) continue
        const events = await mend(day, signal).catch((err: unknown) => {
          log.warn({ day, err }, "a day's full-text index cannot be made anew")
        })
        if (events === undefined || (await look(day)) !== undefined) continue
        told.delete(day)
        log.info({ day, events }, "a day's full-text index is made anew from its events: all are found again")
      }
      await sleep(times.everyMs, signal)
    }
  })().catch((err: unknown) => {
    if (!signal.aborted) log.warn({ err }, 'stored days are not looked through')
  })
  const stop = async () => {
    stopping.abort(new Error('the storage is closed'))
    await running
  }
  return { value: undefined, stop }
}
