/** So many at once, refilled evenly: `count` in `perMs`. Times are monotonic ms. */
export class TokenBucket {
  readonly #size: number
  readonly #perToken: number
  #tokens: number
  #atMs: number

  constructor({ count, perMs }: { readonly count: number; readonly perMs: number }, burst: number, nowMs: number) {
    this.#size = burst
    this.#perToken = perMs / count
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** 0 where one may be taken now, else the wait in ms. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#perToken
  }

  take(nowMs: number): void {
    this.#refill(nowMs)
    this.#tokens -= 1
  }

  #refill(nowMs: number): void {
    this.#tokens = Math.min(this.#size, this.#tokens + Math.max(0, nowMs - this.#atMs) / this.#perToken)
    this.#atMs = nowMs
  }
}
