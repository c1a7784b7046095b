/** Longer than any write may take, with its time limit, its backoff and some patience with a busy machine. */
const stalledMs = 300_000

/**
 * Does anything come of what was taken in? A storage that is away or refuses is no stall: its every answer, and its every
 * silence that was given up, is an outcome. Where none comes at all a writer hangs, and only a restart helps. Pure.
 */
export class StallCheck {
  #outcomes = 0
  #movedAtMs: number

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs
  }

  /** `outcomes` counts whatever came of anything; `canMove`: something waits here, and all that it needs is there. */
  ask(outcomes: number, canMove: boolean, nowMs: number): { ok: boolean; detail: string } {
    if (outcomes !== this.#outcomes || !canMove) this.#movedAtMs = nowMs
    this.#outcomes = outcomes
    const quietMs = nowMs - this.#movedAtMs
    if (quietMs < stalledMs) return { ok: true, detail: 'writing' }
    return { ok: false, detail: `nothing came of any write for ${Math.round(quietMs / 1000)} s: to be restarted` }
  }
}
