import { briefReasonOf, reasonOf } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'

/** What the producers and consumers of a transport share: Kafka's absence is told once, not once for each of them. */
export class OutageLog {
  readonly #log: Logger
  readonly #now: () => number
  readonly #onFailure: () => void
  readonly #failing = new Set<Outage>()
  #failures = 0
  #sinceMs = 0

  constructor(log: Logger, now: () => number, onFailure: () => void = () => {}) {
    this.#log = log
    this.#now = now
    this.#onFailure = onFailure
  }

  /** How long Kafka, or a part of it, has been away; 0 while all works. */
  get lastingMs(): number {
    return this.#failing.size === 0 ? 0 : this.#now() - this.#sinceMs
  }

  failed(part: Outage, place: string, err: unknown): void {
    if (this.#failing.size === 0) {
      this.#sinceMs = this.#now()
      this.#failures = 0
      this.#log.warn({ place, reason: reasonOf(err) }, 'kafka is unavailable, retrying')
    }
    this.#failing.add(part)
    this.#failures++
    this.#onFailure()
    this.#log.debug({ err, place, failures: this.#failures }, 'a call to kafka failed')
  }

  recovered(part: Outage): void {
    const lastedMs = this.lastingMs
    if (!this.#failing.delete(part) || this.#failing.size > 0) return
    this.#log.info({ failures: this.#failures, lastedMs }, 'kafka recovered')
  }

  /** It will neither fail nor work any more: whether Kafka is back, it cannot say. */
  forget(part: Outage): void {
    this.#failing.delete(part)
  }
}

/**
 * What of one producer or consumer fails. A place is whatever fails and works by itself: a partition, the group, the
 * metadata.
 */
export class Outage {
  readonly #log: OutageLog
  readonly #failing = new Map<string, string>()

  constructor(log: OutageLog) {
    this.#log = log
  }

  get isOn(): boolean {
    return this.#failing.size > 0
  }

  isAt(place: string): boolean {
    return this.#failing.has(place)
  }

  /** What has failed longest, e.g. `APP-0: TOPIC_AUTHORIZATION_FAILED`; undefined while all works. */
  get reason(): string | undefined {
    const [first] = this.#failing
    return first && `${first[0]}: ${first[1]}`
  }

  failed(place: string, err: unknown): void {
    this.#failing.set(place, briefReasonOf(err))
    this.#log.failed(this, place, err)
  }

  worked(place: string): void {
    if (this.#failing.delete(place) && !this.isOn) this.#log.recovered(this)
  }

  end(): void {
    this.#failing.clear()
    this.#log.forget(this)
  }
}
