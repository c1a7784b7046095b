import type { KeyState } from './key-state.ts'

/**
 * The states of one rule's keys. Those without an open alert are kept in the order they were last touched, so that the
 * stalest gives way when the cap is met; those with one are never evicted.
 */
export class KeyTable {
  readonly #idle = new Map<string, KeyState>()
  readonly #open = new Map<string, KeyState>()
  readonly #cap: number

  constructor(cap: number) {
    this.#cap = cap
  }

  get size(): number {
    return this.#idle.size + this.#open.size
  }

  get(id: string): KeyState | undefined {
    return this.#open.get(id) ?? this.#idle.get(id)
  }

  /** No further key has room: all that are there have open alerts. */
  isFull(): boolean {
    return this.#open.size >= this.#cap
  }

  /** Answers the key that had to give way. */
  add(state: KeyState): KeyState | undefined {
    if (state.alert) {
      this.#open.set(state.id, state)
      return undefined
    }
    const stalest = this.size >= this.#cap ? (this.#idle.values().next().value as KeyState | undefined) : undefined
    if (stalest) this.#idle.delete(stalest.id)
    this.#idle.set(state.id, state)
    return stalest
  }

  /** After a turn: the state is the freshest, and stands where its alert says. */
  touch(state: KeyState): void {
    this.#idle.delete(state.id)
    if (state.alert) this.#open.set(state.id, state)
    else {
      this.#open.delete(state.id)
      this.#idle.set(state.id, state)
    }
  }

  delete(id: string): void {
    this.#idle.delete(id)
    this.#open.delete(id)
  }

  *states(): IterableIterator<KeyState> {
    yield* this.#open.values()
    yield* this.#idle.values()
  }
}
