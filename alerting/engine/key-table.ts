import type { KeyState } from './key-state.ts'

/**
 * The states of one rule's keys. Those without an open alert are linked in the order they were last touched, so that the
 * stalest gives way when the cap is met; those with one are never evicted.
 */
export class KeyTable {
  readonly #states = new Map<string, KeyState>()
  readonly #cap: number
  #open = 0
  #stalest: KeyState | undefined
  #freshest: KeyState | undefined
  /** Most tables hold one key: it is found without a look into the map. */
  #sole: KeyState | undefined

  constructor(cap: number) {
    this.#cap = cap
  }

  get size(): number {
    return this.#states.size
  }

  get(id: string): KeyState | undefined {
    if (this.#sole !== undefined) return this.#sole.id === id ? this.#sole : undefined
    return this.#states.get(id)
  }

  /** No further key has room: all that are there have open alerts. */
  isFull(): boolean {
    return this.#open >= this.#cap
  }

  /** Answers the key that had to give way. */
  add(state: KeyState): KeyState | undefined {
    const stalest = !state.alert && this.size >= this.#cap ? this.#stalest : undefined
    if (stalest) this.delete(stalest)
    this.#states.set(state.id, state)
    this.#sole = this.size === 1 ? state : undefined
    if (state.alert) this.#open++
    else this.#link(state)
    return stalest
  }

  /** After a turn: the state is the freshest, and stands where its alert says. */
  touch(state: KeyState): void {
    if (this.#isLinked(state)) {
      if (!state.alert && state === this.#freshest) return
      this.#unlink(state)
    } else if (state.alert) return
    else this.#open--
    if (state.alert) this.#open++
    else this.#link(state)
  }

  delete(state: KeyState): void {
    if (!this.#states.delete(state.id)) return
    // Where one is left it is found in the map, until it is alone from its beginning.
    this.#sole = undefined
    if (this.#isLinked(state)) this.#unlink(state)
    else this.#open--
  }

  states(): IterableIterator<KeyState> {
    return this.#states.values()
  }

  #isLinked(state: KeyState): boolean {
    return state.older !== undefined || state === this.#stalest
  }

  #link(state: KeyState): void {
    state.older = this.#freshest
    state.newer = undefined
    if (this.#freshest) this.#freshest.newer = state
    else this.#stalest = state
    this.#freshest = state
  }

  #unlink(state: KeyState): void {
    if (state.older) state.older.newer = state.newer
    else this.#stalest = state.newer
    if (state.newer) state.newer.older = state.older
    else this.#freshest = state.older
    state.older = undefined
    state.newer = undefined
  }
}
