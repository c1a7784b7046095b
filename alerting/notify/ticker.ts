import type { Clock } from '../../runtime/clock.ts'
import type { Telemetry } from './telemetry.ts'

export interface TickerDeps {
  readonly now: Clock
  readonly telemetry: Telemetry
  /** Does what is due; returns the wall clock of the next thing that will be. */
  readonly tick: (nowMs: number) => number
}

/** Clocks may be set while we wait: nobody waits for longer than this. */
const longestMs = 1000
const afterFailureMs = 1000

/** Runs `tick` whenever woken and when something is due; a tick that throws is told and tried again. */
export class Ticker {
  readonly #deps: TickerDeps
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #isQueued = false
  lastTickMs: number

  constructor(deps: TickerDeps) {
    this.#deps = deps
    this.lastTickMs = deps.now()
    this.wake()
  }

  /** Several calls in one turn are one tick. */
  wake(): void {
    if (this.#isQueued || this.#isStopped) return
    this.#isQueued = true
    setImmediate(() => this.#run())
  }

  get isIdle(): boolean {
    return !this.#isQueued
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #run(): void {
    this.#isQueued = false
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    let waitMs = afterFailureMs
    try {
      const nowMs = this.#deps.now()
      const nextMs = this.#deps.tick(nowMs)
      this.lastTickMs = nowMs
      waitMs = Math.min(longestMs, Math.max(0, nextMs - nowMs))
    } catch (error) {
      this.#deps.telemetry.broken(error)
    }
    if (waitMs === 0) this.wake()
    else this.#timer = setTimeout(() => this.#run(), waitMs)
  }
}
