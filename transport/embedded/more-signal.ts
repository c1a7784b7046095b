/** Wakes readers that wait at the end of a partition. */
export interface MoreSignal {
  notify(): void
  /** Resolves at the next notice, when the signal aborts, or after half a second. */
  wait(signal: AbortSignal): Promise<void>
}

/** An idle partition tells that it is read to its end at least this often. */
const longestWaitMs = 500

export function moreSignal(): MoreSignal {
  const waiting = new Set<() => void>()
  return {
    notify() {
      for (const wake of waiting) wake()
    },
    wait: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) {
          resolve()
          return
        }
        const wake = () => {
          waiting.delete(wake)
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, longestWaitMs)
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      }),
  }
}
