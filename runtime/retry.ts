/** Exponential backoff with full jitter, the first wait below `baseMs`, none above `maxMs`. */
export interface Backoff {
  readonly baseMs: number
  readonly maxMs: number
}

/** The wait before attempt number `attempt` (from 0), in ms. `random` is in [0, 1). */
export function backoffMs({ baseMs, maxMs }: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30))
  // Half fixed, half random: peers spread out, yet no wait is close to zero.
  return ceiling / 2 + (ceiling / 2) * random
}

/** Resolves after `ms`, or rejects with the signal's reason at once when aborted. Leaves no timer behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export interface RetryHooks {
  /** Called for each failure; `attempt` counts from 1. Log once for the first, count the rest. */
  readonly onFailure?: (cause: unknown, attempt: number) => void
  /** Called once when a call succeeds after failures. */
  readonly onRecovered?: (attempts: number) => void
  /** Errors for which trying again is useless; they are thrown on. */
  readonly isFatal?: (cause: unknown) => boolean
}

/** Tries for ever, with backoff, until `work` succeeds, the signal aborts or the error is fatal. */
export async function retryForever<T>(
  work: (signal: AbortSignal) => Promise<T>,
  backoff: Backoff,
  signal: AbortSignal,
  hooks: RetryHooks = {},
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    try {
      const value = await work(signal)
      if (attempt > 0) hooks.onRecovered?.(attempt)
      return value
    } catch (cause) {
      if (signal.aborted || hooks.isFatal?.(cause)) throw cause
      hooks.onFailure?.(cause, attempt + 1)
    }
    await sleep(backoffMs(backoff, attempt, Math.random()), signal)
  }
}
