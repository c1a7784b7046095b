export interface Patience {
  /** Default 45,000 ms. */
  readonly withinMs?: number
  /** Default 50 ms. */
  readonly everyMs?: number
  /** What is awaited, for the message of a failure. */
  readonly what?: string
}

/** Asks again until `check` returns something other than undefined or false and does not throw; fails with its last error. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 45_000, everyMs = 50, what = 'the condition' }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = Date.now() + withinMs
  for (;;) {
    let cause: unknown
    try {
      const value = await check()
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>
    } catch (error) {
      cause = error
    }
    if (Date.now() >= deadline) throw new Error(`${what} did not hold within ${withinMs} ms`, { cause })
    await new Promise((resolve) => void setTimeout(resolve, everyMs))
  }
}
