/** The system's code (`ECONNREFUSED`) of an error or of one it was caused by. */
export function errnoOf(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code } = cause as NodeJS.ErrnoException
    if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return code
    if (cause instanceof AggregateError) {
      const inner = errnoOf(cause.errors[0])
      if (inner !== undefined) return inner
    }
  }
  return undefined
}
