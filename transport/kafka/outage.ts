import type { Logger } from '../../runtime/log.ts'

/** Tells of a failure once, and once that it is over, however often it is met in between. */
export class Outage {
  readonly #log: Logger
  readonly #whats: { readonly away: string; readonly back: string }
  #failures = 0

  constructor(log: Logger, whats = { away: 'kafka is unavailable, retrying', back: 'kafka recovered' }) {
    this.#log = log
    this.#whats = whats
  }

  get isOn(): boolean {
    return this.#failures > 0
  }

  failed(err: unknown): void {
    this.#failures++
    if (this.#failures === 1) this.#log.warn({ err }, this.#whats.away)
  }

  worked(): void {
    if (this.#failures > 0) this.#log.info({ failures: this.#failures }, this.#whats.back)
    this.#failures = 0
  }
}
