import type { Logger } from '../../runtime/log.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { type Day, listDays } from './day-files.ts'
import type { WorkerOptions } from './messages.ts'
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

/** Looks for damage that nobody has asked for yet: the newest days soon after the start, then the others, one at a time. Each finding is told once. */
export function startVerifier(options: WorkerOptions, log: Logger, times = defaultTimes): Started<undefined> {
  const stopping = new AbortController()
  const { signal } = stopping
  const told = new Set<Day>()
  const running = (async () => {
    await sleep(times.firstMs, signal)
    for (;;) {
      const days = listDays(options.dir).toReversed()
      for (const [index, day] of days.entries()) {
        if (index >= newest) await sleep(times.everyMs, signal)
        const { problem } = await askOnce(options, { op: 'verify', day }, signal)
        if (problem === undefined || told.has(day)) continue
        told.add(day)
        log.error(
          { day, reason: problem, dir: options.dir },
          "a day's file is damaged: answers may lack some of its events",
        )
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
