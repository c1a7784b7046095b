/** A token bucket of one second: lets `perSecond` pass, and says of the rest that they may not. */
export function createRateLimit(perSecond: number): { take(nowMs: number): boolean } {
  let tokens = perSecond
  let lastMs: number | undefined
  return {
    take(nowMs) {
      // A clock that was set back must not freeze the bucket.
      if (lastMs !== undefined && nowMs > lastMs)
        tokens = Math.min(perSecond, tokens + ((nowMs - lastMs) * perSecond) / 1000)
      lastMs = nowMs
      if (tokens < 1) return false
      tokens--
      return true
    },
  }
}
