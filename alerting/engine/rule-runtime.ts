import type { ThumpEvent } from '../../event/event.ts'
import type { TopicName } from '../../event/topics.ts'
import { compileCondition, type Predicate } from '../rules/predicate.ts'
import { isEager, reachMs, type Rule } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'
import type { Changes, NewTransition, RuleMemory } from './changes.ts'
import { createEvaluator } from './evaluator.ts'
import { keyId, keysOf } from './group-keys.ts'
import type { Evaluator, Hit, KeyState, SkipReason } from './key-state.ts'
import { KeyTable } from './key-table.ts'
import { SeenIds } from './seen-ids.ts'
import { Timers } from './timers.ts'
import { RuleTurn } from './turn.ts'

/** What is counted, for metrics. */
export interface EngineCounts {
  matched(rule: string): void
  late(rule: string): void
  skipped(rule: string, reason: SkipReason): void
  evicted(rule: string, what: 'key' | 'seen'): void
}

export interface RuntimeContext {
  readonly changes: Changes
  readonly counts: EngineCounts
  readonly maxEventAgeMs: number
  readonly share: Map<string, Predicate>
  readonly isSilent: (nodes: readonly string[], watermarkMs: number) => boolean
  /** Each transition as it is decided: composites listen. */
  readonly decided: (rule: Rule, transition: NewTransition) => void
}

/** How far a rule may decide, asked only where an event concerns it. */
export interface RuleClock {
  watermarkMs(): number
  mayDecide(): boolean
}

export interface Arrival {
  readonly event: ThumpEvent
  readonly id: string
  readonly atMs: number
  readonly topic: TopicName
  readonly nowMs: number
}

const maxSeen = 100_000
const overflowId = '…'
const overflowQuietMs = 300_000

/** One rule at work: its keys, the ids it has seen, and what is due when. */
export class RuleRuntime {
  rule: Rule
  /** Decided late on purpose while the alerter is behind. */
  readonly waitsWhileBehind: boolean
  readonly memory: RuleMemory
  readonly #context: RuntimeContext
  readonly #evaluator: Evaluator
  readonly #where: Predicate
  readonly #resolveWhen: Predicate | undefined
  readonly #reachMs: number
  readonly #keys: KeyTable
  readonly #seen: SeenIds
  readonly #timers = new Timers<KeyState>()
  readonly #turn: RuleTurn
  #nowMs = 0

  constructor(rule: Rule, memory: RuleMemory, context: RuntimeContext) {
    this.rule = rule
    this.memory = memory
    this.#context = context
    const { share, isSilent } = context
    this.#evaluator = createEvaluator(rule, { current: () => this.rule, isSilent, share })
    this.#where = compileCondition(rule.where, share)
    const { spec } = rule
    this.#resolveWhen =
      spec.kind === 'match' && spec.resolveWhen ? compileCondition(spec.resolveWhen, share) : undefined
    this.waitsWhileBehind = spec.kind === 'absence'
    this.#reachMs = reachMs(spec)
    this.#keys = new KeyTable(rule.maxKeys)
    const windowMs = Number.isFinite(this.#reachMs) ? this.#reachMs : 0
    this.#seen = new SeenIds(Math.max(windowMs + rule.latenessMs, context.maxEventAgeMs), maxSeen)
    this.#turn = new RuleTurn({
      rule: () => this.rule,
      firstEventMs: () => this.memory.firstEventMs ?? Number.POSITIVE_INFINITY,
      emit: (transition) => this.#emit(transition),
    })
  }

  get keyCount(): number {
    return this.#keys.size
  }

  stateOf(key: readonly KeyValue[]): KeyState | undefined {
    return this.#keys.get(keyId(key))
  }

  /** A rule begins: keys that must be judged although no event names them. */
  begin(nowMs: number): void {
    const { spec, groupBy } = this.rule
    this.#context.changes.rule(this.rule, this.memory)
    const judged =
      spec.kind === 'absence' || ((spec.kind === 'count' || spec.kind === 'distinct') && !isEager(spec.bound))
    if (!judged) return
    const expected = spec.kind === 'distinct' ? [] : spec.expectKeys
    for (const key of groupBy.length === 0 ? [[]] : expected) this.#settled(this.#create(key, keyId(key), nowMs))
  }

  /** As it was stored. */
  load(states: readonly KeyState[], seen: ReadonlyArray<{ readonly id: string; readonly atMs: number }>): void {
    for (const state of states) {
      this.#keys.add(state)
      this.#schedule(state, Number.NEGATIVE_INFINITY)
    }
    for (const { id, atMs } of seen) this.#seen.add(id, atMs)
  }

  take(arrival: Arrival, clock: RuleClock): void {
    const { event, id, atMs, topic, nowMs } = arrival
    const isResolving = this.#resolveWhen?.(event) ?? false
    if (!isResolving && !this.#where(event)) return
    const steps = this.#evaluator.stepsOf?.(event, topic)
    if (steps === 0) return
    const { counts } = this.#context
    if (!isResolving) counts.matched(this.rule.id)
    if (this.#seen.has(id)) return counts.skipped(this.rule.id, 'duplicate')
    const watermarkMs = clock.watermarkMs()
    if (atMs <= watermarkMs - this.#reachMs) return counts.late(this.rule.id)
    const keys = keysOf(event, this.rule.groupBy)
    if (keys.length === 0) return counts.skipped(this.rule.id, 'missing-key')
    this.#nowMs = nowMs
    if (this.memory.firstEventMs === undefined) {
      this.memory.firstEventMs = atMs
      this.#context.changes.rule(this.rule, this.memory)
    }
    const hit: Hit = { event, id, atMs, topic, isResolving, ...(steps !== undefined && { steps }) }
    const mayDecide = clock.mayDecide()
    let isTaken = false
    for (const key of keys) isTaken = this.#takeKey(key, hit, watermarkMs, mayDecide) || isTaken
    if (isTaken) this.#remember(id, nowMs)
  }

  /** For composites: an alert of a member opened or closed. */
  takeMember(key: readonly KeyValue[], hit: Hit, watermarkMs: number, nowMs: number): void {
    this.#nowMs = nowMs
    this.#takeKey(key, hit, watermarkMs, true)
  }

  /** Decides all that is due. */
  advance(watermarkMs: number, nowMs: number): void {
    this.#nowMs = nowMs
    for (let state = this.#timers.take(watermarkMs); state; state = this.#timers.take(watermarkMs)) {
      if (this.#keys.get(state.id) !== state) continue
      state.dueMs = Number.POSITIVE_INFINITY
      if (this.#due(state) <= watermarkMs) this.#advanceKey(state, watermarkMs)
      else this.#schedule(state, watermarkMs)
    }
  }

  expire(nowMs: number): void {
    if (this.#seen.expire(nowMs)) this.#context.changes.forgetSeen(this.rule.id, nowMs - this.#seen.keepMs)
  }

  /** The rule was edited or removed: its alerts close without a message. */
  close(atMs: number): void {
    this.#nowMs = atMs
    for (const state of this.#keys.states()) {
      this.#turn.state = state
      this.#turn.resolve(atMs, true)
    }
  }

  /** Somebody ends an alert by hand: its key is forgotten and begins anew with its next event. False where it is none of this rule's. */
  closeAlert(alertId: string, atMs: number): boolean {
    this.#nowMs = atMs
    for (const state of this.#keys.states()) {
      if (state.alert?.id !== alertId) continue
      this.#turn.state = state
      this.#turn.resolve(atMs, false)
      this.#delete(state)
      return true
    }
    return false
  }

  #takeKey(key: readonly KeyValue[], hit: Hit, watermarkMs: number, mayDecide: boolean): boolean {
    const id = keyId(key)
    const known = this.#keys.get(id)
    if (!known && hit.isResolving && this.#keys.isFull()) return false
    if (!known && this.#keys.isFull()) return this.#overflow(hit)
    const state = known ?? this.#create(key, id, hit.atMs)
    // What was due before the event is decided first; its own instant only with it.
    const decidedMs = Math.min(watermarkMs, hit.atMs - 1)
    if (known && mayDecide && this.#due(state) <= decidedMs) {
      this.#turn.state = state
      this.#evaluator.advance(this.#turn, decidedMs)
    }
    this.#turn.state = state
    const reason = this.#evaluator.take(this.#turn, hit)
    state.touchedMs = Math.max(state.touchedMs, hit.atMs)
    if (reason) this.#context.counts.skipped(this.rule.id, reason)
    if (this.#evaluator.isSpent(state, watermarkMs)) this.#delete(state)
    else {
      this.#settled(state)
      this.#schedule(state, Number.NEGATIVE_INFINITY)
    }
    return reason === undefined
  }

  #advanceKey(state: KeyState, watermarkMs: number): void {
    this.#turn.state = state
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

  #create(key: readonly KeyValue[], id: string, atMs: number): KeyState {
    const state: KeyState = {
      id,
      key,
      touchedMs: atMs,
      dueMs: Number.POSITIVE_INFINITY,
      window: this.#evaluator.fresh(atMs),
    }
    const stalest = this.#keys.add(state)
    if (stalest) {
      this.#context.counts.evicted(this.rule.id, 'key')
      this.#context.changes.window(this.rule, stalest.id, undefined)
    }
    this.#schedule(state, Number.NEGATIVE_INFINITY)
    return state
  }

  /** Every key that has room has an open alert: what is beyond them shares one. */
  #overflow(hit: Hit): boolean {
    let state = this.#keys.get(overflowId)
    if (!state) {
      state = {
        id: overflowId,
        key: [],
        touchedMs: hit.atMs,
        dueMs: Number.POSITIVE_INFINITY,
        window: {},
        isOverflow: true,
      }
      this.#turn.state = state
      this.#turn.fire(hit.atMs, `overflow ${hit.id}`, hit, { count: 1, firstSeenMs: hit.atMs })
      this.#keys.add(state)
    } else {
      this.#turn.state = state
      this.#turn.join(hit)
    }
    this.#settled(state)
    this.#schedule(state, Number.NEGATIVE_INFINITY)
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
    this.#context.changes.window(this.rule, state.id, state)
  }

  #delete(state: KeyState): void {
    this.#keys.delete(state.id)
    this.#context.changes.window(this.rule, state.id, undefined)
  }

  #remember(id: string, nowMs: number): void {
    if (this.#seen.add(id, nowMs) !== undefined) this.#context.counts.evicted(this.rule.id, 'seen')
    this.#context.changes.seen(this.rule.id, id, nowMs)
  }

  #emit(decision: Omit<NewTransition, 'isCatchUp'>): void {
    const transition = { ...decision, isCatchUp: this.#nowMs - decision.atMs > this.#context.maxEventAgeMs }
    this.#context.changes.transition(transition)
    this.#context.decided(this.rule, transition)
  }
}
