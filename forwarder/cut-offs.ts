/** So often must an event be cut off alone while another passes, over so long, before it is taken for the reason. */
const leastTimes = 5
const leastMs = 60_000

interface CutOff {
  times: number
  sinceMs: number
}

/**
 * Which events bring it about themselves that their connection is cut off? One that is sent alone is cut off, and right
 * after it another passes, each time: an outage, or a network that loses some, does not last so long and choose so well. Pure.
 */
export class CutOffs<T extends object> {
  readonly #seen = new WeakMap<T, CutOff>()

  /** The event was cut off alone; `doesAnotherPass`: one written right after it had an answer. True once it is to blame. */
  note(event: T, doesAnotherPass: boolean, nowMs: number): boolean {
    const seen = this.#seen.get(event)
    if (!doesAnotherPass) this.#seen.delete(event)
    else if (seen) seen.times++
    else this.#seen.set(event, { times: 1, sinceMs: nowMs })
    return doesAnotherPass && seen !== undefined && seen.times >= leastTimes && nowMs - seen.sinceMs >= leastMs
  }
}
