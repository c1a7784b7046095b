/** Work that had not ended in its time; what it comes to later is not heard any more. */
export class LateError extends Error {
  override readonly name = 'LateError'
}

/**
 * What `work` comes to. After `limitMs`, or when the signal aborts, it is told to give up and not waited for, even where it
 * does not listen: rejects with a LateError, or with the signal's reason.
 */
export async function within<T>(
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const limit = new AbortController()
  const given = Promise.withResolvers<never>()
  const giveUp = (reason: Error) => {
    given.reject(reason)
    limit.abort(reason)
  }
  const onAbort = () => giveUp(signal.reason as Error)
  const timer = setTimeout(() => giveUp(new LateError(`no end of it within ${limitMs / 1000} s`)), limitMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([given.promise, work(limit.signal)])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
