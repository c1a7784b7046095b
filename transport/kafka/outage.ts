import type { Logger } from '../../runtime/log.ts'

/**
 * Tells of failures once, and once that all is well again, however often and in however many places they are met in
 * between. A place is whatever fails and works by itself: a partition, the group, the metadata.
 */
export class Outage {
  readonly #log: Logger
  readonly #failing = new Set<string>()
  #failures = 0

  constructor(log: Logger) {
    this.#log = log
  }

  get isOn(): boolean {
    return this.#failing.size > 0
  }

  failed(place: string, err: unknown): void {
    if (!this.isOn) this.#log.warn({ err, place }, 'kafka is unavailable, retrying')
    this.#failing.add(place)
    this.#failures++
  }

  worked(place: string): void {
    if (!this.#failing.delete(place) || this.isOn) return
    this.#log.info({ failures: this.#failures }, 'kafka recovered')
    this.#failures = 0
  }
}
