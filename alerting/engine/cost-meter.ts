/** What one rule has cost, and whether that is more than its share. */
export interface RuleCost {
  /** Not yet told, ms. */
  untoldMs: number
  /** In this period, ms. */
  periodMs: number
  isOverShare: boolean
}

export function createRuleCost(): RuleCost {
  return { untoldMs: 0, periodMs: 0, isOverShare: false }
}

const sampleEvery = 16
const periodMs = 10_000
/** Of one core. A rule beyond it waits while the alerter is behind: one slow rule must not slow the rest. */
const share = 0.25

/** Rules are timed at one event in sixteen; what is not timed is taken to have cost the same. */
export class CostMeter {
  /** Monotonic ms; undefined: nothing is timed, and nobody waits. */
  readonly #clock: (() => number) | undefined
  #events = 0
  #beganMs = Number.NEGATIVE_INFINITY

  constructor(clock: (() => number) | undefined) {
    this.#clock = clock
  }

  /** Is the event in hand one that is timed? */
  nextIsTimed(): boolean {
    return this.#clock !== undefined && ++this.#events % sampleEvery === 0
  }

  time(cost: RuleCost, work: () => void): void {
    if (!this.#clock) return work()
    const startedMs = this.#clock()
    work()
    const spentMs = (this.#clock() - startedMs) * sampleEvery
    cost.untoldMs += spentMs
    cost.periodMs += spentMs
  }

  /** Every now and then: a period is judged when it is over, by the same clock. */
  judge(costs: Iterable<RuleCost>): void {
    if (!this.#clock) return
    const nowMs = this.#clock()
    const passedMs = nowMs - this.#beganMs
    if (passedMs < periodMs) return
    this.#beganMs = nowMs
    for (const cost of costs) {
      cost.isOverShare = cost.periodMs > share * passedMs
      cost.periodMs = 0
    }
  }
}
