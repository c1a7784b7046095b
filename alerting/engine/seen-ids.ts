/** Ids of events that changed a rule's state, so that a replayed one is not counted again. Kept by arrival, oldest first. */
export class SeenIds {
  readonly #atMs = new Map<string, number>()
  /** In the order of arrival from `#oldest` on: a map is slow to find its first entry once many before it are gone. */
  #order: string[] = []
  #oldest = 0
  readonly keepMs: number
  readonly #cap: number

  constructor(keepMs: number, cap: number) {
    this.keepMs = keepMs
    this.#cap = cap
  }

  get size(): number {
    return this.#atMs.size
  }

  has(id: string, nowMs: number): boolean {
    const atMs = this.#atMs.get(id)
    return atMs !== undefined && atMs > nowMs - this.keepMs
  }

  /** Answers the id that had to give way, where the cap was met. */
  add(id: string, nowMs: number): string | undefined {
    if (!this.#atMs.has(id)) this.#order.push(id)
    this.#atMs.set(id, nowMs)
    return this.#atMs.size > this.#cap ? this.#forgetOldest() : undefined
  }

  /** Forgets what is older than it needs to be; true where something went. */
  expire(nowMs: number): boolean {
    const before = this.#atMs.size
    while (this.#atMs.size > 0) {
      const atMs = this.#atMs.get(this.#order[this.#oldest] as string)
      if (atMs !== undefined && atMs > nowMs - this.keepMs) break
      this.#forgetOldest()
    }
    return this.#atMs.size < before
  }

  #forgetOldest(): string {
    const id = this.#order[this.#oldest++] as string
    this.#atMs.delete(id)
    if (this.#oldest > this.#order.length / 2) {
      this.#order = this.#order.slice(this.#oldest)
      this.#oldest = 0
    }
    return id
  }
}
