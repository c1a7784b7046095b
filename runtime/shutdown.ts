import { ThumpError } from './errors.ts'

/** What a started thing hands to its composition root: holders of `value` cannot stop it. */
export interface Started<T> {
  readonly value: T
  /** Idempotent; resolves when drained and closed. */
  readonly stop: () => Promise<void>
}

interface Step {
  readonly name: string
  readonly stop: () => Promise<void>
}

/** Stops what was started, newest first: sources stop intake before what they feed is flushed and closed. */
export class Shutdown {
  readonly #steps: Step[] = []

  add(name: string, stop: () => Promise<void>): void {
    this.#steps.push({ name, stop })
  }

  /** Keeps the value and remembers how to stop it. */
  own<T>(name: string, started: Started<T>): T {
    this.add(name, started.stop)
    return started.value
  }

  /** Runs the steps newest first until `deadline`. A failing step is recorded and never skips the rest. */
  async run(deadline: AbortSignal): Promise<void> {
    const failures: unknown[] = []
    const expired = new Promise<never>((_, reject) => {
      const expire = () => reject(deadline.reason as Error)
      // An already aborted signal never fires 'abort'.
      if (deadline.aborted) expire()
      else deadline.addEventListener('abort', expire, { once: true })
    })
    expired.catch(() => {})
    for (const { name, stop } of this.#steps.splice(0).reverse()) {
      try {
        await Promise.race([stop(), expired])
      } catch (cause) {
        failures.push(new ThumpError('THUMP_SHUTDOWN', `stopping ${name} failed`, { cause }))
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'shutdown incomplete')
  }
}
