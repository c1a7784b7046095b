/**
 * Lets in one at a time while there is room: what the one brings is counted before the next is let in, so that many who
 * wait for the same room cannot fill it many times over.
 */
export class Turnstile {
  readonly #hasRoom: () => boolean
  readonly #waiting = new Set<() => void>()
  #isTurning = false

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
  }

  /** Resolves when it is the caller's turn, who must bring what it brings at once; or when the signal aborts. */
  async enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const enter = () => resolve()
    this.#waiting.add(enter)
    signal.addEventListener('abort', enter)
    this.turn()
    await promise
    signal.removeEventListener('abort', enter)
    this.#waiting.delete(enter)
  }

  /** To be called whenever there may be room. */
  turn(): void {
    const [first] = this.#waiting
    if (this.#isTurning || first === undefined || !this.#hasRoom()) return
    this.#waiting.delete(first)
    this.#isTurning = true
    first()
    setImmediate(() => {
      this.#isTurning = false
      this.turn()
    })
  }
}
