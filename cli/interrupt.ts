export interface Interrupt {
  readonly signal: AbortSignal
  /** The same as Ctrl-C, from within. */
  end(): void
  forget(): void
}

/** Ctrl-C and SIGTERM end a long command in order; the second one ends it at once. */
export function onInterrupt(tell: () => void): Interrupt {
  const stopping = new AbortController()
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(1)
    tell()
    stopping.abort(new Error('interrupted'))
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, onSignal)
  return {
    signal: stopping.signal,
    end: () => stopping.abort(new Error('ended')),
    forget: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
