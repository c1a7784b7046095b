import type { Rule } from '../rules/rule.ts'
import { isEager } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'
import type { Changes, NewTransition, RuleHolder, RuleMemory } from './changes.ts'
import { keyId, overflowId } from './group-keys.ts'
import { type Evaluator, type Hit, KeyState, type SkipReason, type StoredKey } from './key-state.ts'
import { KeyTable } from './key-table.ts'
import { Timers } from './timers.ts'
import type { RuleTurn, TurnContext } from './turn.ts'

export interface KeyTurnsDeps {
  /** The rule as it stands now. */
  readonly holder: RuleHolder
  readonly memory: RuleMemory
  readonly evaluator: Evaluator
  readonly changes: Changes
  readonly turn: RuleTurn
  readonly skip: (reason: SkipReason) => void
  /** A key gave way to another. */
  readonly evicted: () => void
  readonly emit: (decision: Omit<NewTransition, 'isCatchUp'>) => void
}

const overflowQuietMs = 300_000

/** One rule's keys at work: whose turn it is by an event, and whose by time. */
export class KeyTurns {
  readonly #deps: KeyTurnsDeps
  readonly #changes: Changes
  readonly #timers = new Timers<KeyState>()
  readonly #turn: RuleTurn
  readonly #context: TurnContext
  #evaluator: Evaluator
  #keys: KeyTable

  constructor(deps: KeyTurnsDeps) {
    this.#deps = deps
    this.#changes = deps.changes
    this.#evaluator = deps.evaluator
    this.#keys = new KeyTable(deps.holder.rule.maxKeys)
    this.#turn = deps.turn
    this.#context = {
      rule: () => deps.holder.rule,
      firstEventMs: () => deps.memory.firstEventMs ?? Number.POSITIVE_INFINITY,
      skip: deps.skip,
      emit: deps.emit,
    }
  }

  get size(): number {
    return this.#keys.size
  }

  stateOf(key: readonly KeyValue[]): KeyState | undefined {
    return this.#keys.get(keyId(key))
  }

  /** Keys that must be judged although no event names them. */
  expect(nowMs: number): void {
    const { spec, groupBy } = this.#deps.holder.rule
    const isJudged =
      spec.kind === 'absence' || ((spec.kind === 'count' || spec.kind === 'distinct') && !isEager(spec.bound))
    if (!isJudged) return
    const expected = spec.kind === 'distinct' ? [] : spec.expectKeys
    for (const key of groupBy.length === 0 ? [[]] : expected) {
      const id = keyId(key)
      if (!this.#keys.get(id)) this.#settled(this.#add(new KeyState(id, this.#evaluator.fresh(nowMs, true))))
    }
  }

  /** The same keys under an edited rule. */
  edit({ maxKeys }: Rule, evaluator: Evaluator, nowMs: number): void {
    this.#evaluator = evaluator
    const states = [...this.#keys.states()]
    this.#keys = new KeyTable(maxKeys)
    for (const state of states) {
      state.older = undefined
      state.newer = undefined
      state.dueMs = Number.POSITIVE_INFINITY
      this.#add(state)
    }
    this.expect(nowMs)
  }

  /** As it was stored. */
  load(states: readonly StoredKey[]): void {
    for (const { id, window, alert } of states) this.#add(new KeyState(id, window, alert))
  }

  /** The key's turn by an event; false where that changed nothing. */
  take(id: string, hit: Hit, watermarkMs: number, mayDecide: boolean): boolean {
    const known = this.#keys.get(id)
    if (!known && this.#keys.isFull()) return !hit.isResolving && this.#overflow(hit)
    const evaluator = this.#evaluator
    const state = known ?? new KeyState(id, evaluator.fresh(hit.atMs))
    this.#give(state, watermarkMs)
    // What was due before the event is decided first; its own instant only with it.
    const decidedMs = Math.min(watermarkMs, hit.atMs - 1)
    // The timer stands at the due time or before it: most keys need not be asked.
    if (known && mayDecide && state.dueMs <= decidedMs && this.#due(state) <= decidedMs)
      evaluator.advance(this.#turn, decidedMs)
    const reason = evaluator.take(this.#turn, hit)
    if (reason) this.#deps.skip(reason)
    if (reason && !known) return false
    if (evaluator.isSpent(state, watermarkMs)) {
      if (known) this.#delete(state)
    } else if (known) {
      this.#settled(state)
      this.#schedule(state, Number.NEGATIVE_INFINITY)
    } else this.#settled(this.#add(state))
    return reason === undefined
  }

  /** Decides all that is due. */
  advance(watermarkMs: number): void {
    for (;;) {
      const atMs = this.#timers.nextMs()
      const state = this.#timers.take(watermarkMs)
      if (!state) return
      // An entry that was overtaken by an earlier one must not beget another: they would become more for ever.
      if (state.dueMs !== atMs || this.#keys.get(state.id) !== state) continue
      state.dueMs = Number.POSITIVE_INFINITY
      if (this.#due(state) <= watermarkMs) this.#advanceKey(state, watermarkMs)
      else this.#schedule(state, watermarkMs)
    }
  }

  /** Every open alert closes without a message. */
  close(atMs: number): void {
    for (const state of this.#keys.states()) {
      this.#give(state, Number.NEGATIVE_INFINITY)
      this.#turn.resolve(atMs, true)
    }
  }

  /** The key of this alert is forgotten and begins anew with its next event. False where there is none. */
  closeAlert(alertId: string, atMs: number): boolean {
    for (const state of this.#keys.states()) {
      if (state.alert?.id !== alertId) continue
      this.#give(state, Number.NEGATIVE_INFINITY)
      this.#turn.resolve(atMs, false)
      this.#delete(state)
      return true
    }
    return false
  }

  #advanceKey(state: KeyState, watermarkMs: number): void {
    this.#give(state, watermarkMs)
    if (state.isOverflow) {
      const { alert } = state
      if (alert) this.#turn.resolve(alert.lastSeenMs + overflowQuietMs, false)
      return this.#delete(state)
    }
    this.#evaluator.advance(this.#turn, watermarkMs)
    if (this.#evaluator.isSpent(state, watermarkMs)) return this.#delete(state)
    this.#settled(state)
    this.#schedule(state, watermarkMs)
  }

  #give(state: KeyState, watermarkMs: number): void {
    this.#turn.begin(this.#context, state, watermarkMs)
  }

  /** A key of which nothing was kept; where the cap is met the stalest gives way. */
  #add(state: KeyState): KeyState {
    const stalest = this.#keys.add(state)
    if (stalest) {
      this.#deps.evicted()
      this.#changes.gone(this.#deps.holder, stalest)
    }
    this.#schedule(state, Number.NEGATIVE_INFINITY)
    return state
  }

  /** Every key that has room has an open alert: what is beyond them shares one. */
  #overflow(hit: Hit): boolean {
    const known = this.#keys.get(overflowId)
    const state = known ?? new KeyState(overflowId, {})
    this.#give(state, Number.NEGATIVE_INFINITY)
    if (known) this.#turn.join(hit)
    else this.#turn.fire(hit.atMs, `overflow ${hit.id}`, hit, { count: 1, firstSeenMs: hit.atMs })
    if (!known) this.#add(state)
    this.#settled(state)
    return true
  }

  #due(state: KeyState): number {
    if (state.isOverflow) return (state.alert?.lastSeenMs ?? 0) + overflowQuietMs
    return this.#evaluator.dueMs(state)
  }

  /** Never at or before what was just decided: a due time that does not move must not turn for ever. */
  #schedule(state: KeyState, decidedMs: number): void {
    const dueMs = Math.max(this.#due(state), decidedMs + 1)
    if (dueMs >= state.dueMs) return
    state.dueMs = dueMs
    this.#timers.add(dueMs, state)
  }

  #settled(state: KeyState): void {
    this.#keys.touch(state)
    this.#changes.window(this.#deps.holder, state)
  }

  #delete(state: KeyState): void {
    this.#keys.delete(state)
    this.#changes.gone(this.#deps.holder, state)
  }
}
