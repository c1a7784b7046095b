/** Ids of events that changed a rule's state, so that a replayed one is not counted again. Kept by arrival, oldest first. */
export class SeenIds {
  readonly #atMs = new Map<string, number>()
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
    this.#atMs.set(id, nowMs)
    if (this.#atMs.size <= this.#cap) return undefined
    const oldest = this.#atMs.keys().next().value as string
    this.#atMs.delete(oldest)
    return oldest
  }

  /** Forgets what is older than it needs to be; true where something went. */
  expire(nowMs: number): boolean {
    const before = this.#atMs.size
    for (const [id, atMs] of this.#atMs) {
      if (atMs > nowMs - this.keepMs) break
      this.#atMs.delete(id)
    }
    return this.#atMs.size < before
  }
}
