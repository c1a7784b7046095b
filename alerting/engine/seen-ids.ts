/** To go through a hundred thousand ids costs a hundredth of a table of them: whoever asks seldom has none. */
const looksWithoutTable = 16

/** Ids of events that changed a rule's state, so that a replayed one is not counted again. Kept by arrival, oldest first. */
export class SeenIds {
  /** In the order of arrival from `#oldest` on. */
  #ids: string[] = []
  #times: number[] = []
  #oldest = 0
  /** How many came before the first of these lists. */
  #before = 0
  /** How many of all that ever came have been handed over to be written. */
  #written = 0
  /** When each was seen last. Made only as far as it is asked: most rules are never asked, see `RecentIds`. */
  readonly #atMs = new Map<string, number>()
  #indexed = 0
  #looks = 0
  /** Who writes knows that there is something to write. */
  isTold = false
  readonly keepMs: number
  readonly #cap: number

  constructor(keepMs: number, cap: number) {
    this.keepMs = keepMs
    this.#cap = cap
  }

  get size(): number {
    return this.#ids.length - this.#oldest
  }

  /** How many ever came: a place to look on from, with `from`. */
  get count(): number {
    return this.#before + this.#ids.length
  }

  /** Those that are still kept of what came from the n-th to before the m-th. */
  *between(from: number, to: number): Iterable<string> {
    for (let at = Math.max(from, this.#before + this.#oldest); at < Math.min(to, this.count); at++)
      yield this.#ids[at - this.#before] as string
  }

  *all(): Iterable<string> {
    yield* this.between(0, this.count)
  }

  markWritten(): void {
    this.#written = this.count
    this.isTold = false
  }

  /** What is to be written, each with when it was seen. */
  takeUnwritten(): { readonly ids: readonly string[]; readonly times: readonly number[] } {
    const from = Math.max(this.#written - this.#before, this.#oldest)
    this.markWritten()
    return { ids: this.#ids.slice(from), times: this.#times.slice(from) }
  }

  has(id: string, nowMs: number): boolean {
    if (this.#looks < looksWithoutTable) {
      this.#looks++
      const at = this.#ids.lastIndexOf(id)
      return at >= this.#oldest && (this.#times[at] as number) > nowMs - this.keepMs
    }
    for (; this.#indexed < this.#ids.length; this.#indexed++)
      this.#atMs.set(this.#ids[this.#indexed] as string, this.#times[this.#indexed] as number)
    const atMs = this.#atMs.get(id)
    return atMs !== undefined && atMs > nowMs - this.keepMs
  }

  /** One that `has` denies. Answers the id that had to give way, where the cap was met. */
  add(id: string, nowMs: number): string | undefined {
    this.#ids.push(id)
    this.#times.push(nowMs)
    return this.size > this.#cap ? this.#forgetOldest() : undefined
  }

  /** Forgets what is older than it needs to be; true where something went. */
  expire(nowMs: number): boolean {
    const before = this.size
    while (this.size > 0 && (this.#times[this.#oldest] as number) <= nowMs - this.keepMs) this.#forgetOldest()
    return this.size < before
  }

  #forgetOldest(): string {
    const id = this.#ids[this.#oldest] as string
    // One that was forgotten and came again stands there twice; the later sight counts.
    if (this.#oldest < this.#indexed && this.#atMs.get(id) === this.#times[this.#oldest]) this.#atMs.delete(id)
    this.#oldest++
    if (this.#oldest > this.#ids.length / 2) {
      this.#ids = this.#ids.slice(this.#oldest)
      this.#times = this.#times.slice(this.#oldest)
      this.#indexed = Math.max(0, this.#indexed - this.#oldest)
      this.#before += this.#oldest
      this.#oldest = 0
    }
    this.#indexed = Math.max(this.#indexed, this.#oldest)
    return id
  }
}
