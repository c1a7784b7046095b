/** A binary heap of what is due when; what was moved meanwhile is simply found not due when its turn comes. */
export class Timers<T> {
  readonly #times: number[] = []
  readonly #items: T[] = []

  get size(): number {
    return this.#times.length
  }

  /** When the earliest is due; Infinity where there is none. */
  nextMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  add(atMs: number, item: T): void {
    if (atMs === Number.POSITIVE_INFINITY) return
    let index = this.#times.length
    this.#times.push(atMs)
    this.#items.push(item)
    while (index > 0) {
      const parent = (index - 1) >>> 1
      if ((this.#times[parent] as number) <= atMs) break
      this.#move(parent, index)
      index = parent
    }
    this.#set(index, atMs, item)
  }

  /** Takes the earliest out; undefined where none is due by then. */
  take(untilMs: number): T | undefined {
    if (this.nextMs() > untilMs) return undefined
    const first = this.#items[0] as T
    const atMs = this.#times.pop() as number
    const item = this.#items.pop() as T
    const { length } = this.#times
    if (length > 0) this.#sink(atMs, item, length)
    return first
  }

  #sink(atMs: number, item: T, length: number): void {
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++
      if ((this.#times[child] as number) >= atMs) break
      this.#move(child, index)
      index = child
    }
    this.#set(index, atMs, item)
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number
    this.#items[to] = this.#items[from] as T
  }

  #set(index: number, atMs: number, item: T): void {
    this.#times[index] = atMs
    this.#items[index] = item
  }
}
