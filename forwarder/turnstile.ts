interface Waiting {
  readonly enter: () => void
  readonly firstMs: number
  /** How often another was let in since it came. */
  passedOver: number
}

/** So often may each of the others be let in before one, however old what they bring. */
const rounds = 8

/**
 * Lets in one at a time while there is room: what the one brings is counted before the next is let in, so that many who
 * wait for the same room cannot fill it many times over. Who brings the oldest goes first: a backlog then comes in the
 * order in which it happened, and no part of it is later than another.
 */
export class Turnstile {
  readonly #hasRoom: () => boolean
  readonly #waiting = new Set<Waiting>()
  #isTurning = false

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
  }

  /**
   * Resolves when it is the caller's turn, who must bring what it brings at once, of that time (ms); or when the signal
   * aborts.
   */
  async enter(signal: AbortSignal, firstMs: number): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const one: Waiting = { enter: () => resolve(), firstMs, passedOver: 0 }
    this.#waiting.add(one)
    signal.addEventListener('abort', one.enter)
    this.turn()
    await promise
    signal.removeEventListener('abort', one.enter)
    this.#waiting.delete(one)
  }

  /** To be called whenever there may be room. */
  turn(): void {
    if (this.#isTurning || this.#waiting.size === 0 || !this.#hasRoom()) return
    const next = this.#next()
    if (!next) return
    this.#waiting.delete(next)
    for (const one of this.#waiting) one.passedOver++
    this.#isTurning = true
    next.enter()
    setImmediate(() => {
      this.#isTurning = false
      this.turn()
    })
  }

  /** The oldest; but a clock that is wrong, or old logs that are read in, keep nobody waiting for ever. */
  #next(): Waiting | undefined {
    let next: Waiting | undefined
    for (const one of this.#waiting) {
      if (one.passedOver >= rounds * this.#waiting.size) return one
      if (!next || one.firstMs < next.firstMs) next = one
    }
    return next
  }
}
