import type { ThumpEvent } from '../../event/event.ts'
import type { TopicName } from '../../event/topics.ts'
import { compileCondition, type Predicate, type SharedTests } from '../rules/predicate.ts'
import { isEager, reachMs, type Rule } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'
import type { Changes, NewTransition, RuleMemory } from './changes.ts'
import { createRuleCost } from './cost-meter.ts'
import { createEvaluator } from './evaluator.ts'
import { keyId, keysOf, overflowId } from './group-keys.ts'
import { type Evaluator, type Hit, KeyState, type SkipReason, type StoredKey } from './key-state.ts'
import { KeyTable } from './key-table.ts'
import type { RecentIds } from './recent-ids.ts'
import { SeenIds } from './seen-ids.ts'
import { Timers } from './timers.ts'
import { RuleTurn } from './turn.ts'

/** What is counted, for metrics. */
export interface EngineCounts {
  matched(rule: string, count: number): void
  late(rule: string): void
  skipped(rule: string, reason: SkipReason): void
  evicted(rule: string, what: 'key' | 'seen'): void
  /** CPU, about. */
  cost?(rule: string, seconds: number): void
}

export interface RuntimeContext {
  readonly changes: Changes
  readonly counts: EngineCounts
  readonly maxEventAgeMs: number
  readonly shared: SharedTests
  readonly recent: RecentIds
  /** Those that have something to tell by `tellCounts`. */
  readonly counted: Set<RuleRuntime>
  readonly isSilent: (nodes: readonly string[], watermarkMs: number) => boolean
  /** Each transition as it is decided: composites listen. */
  readonly decided: (rule: Rule, transition: NewTransition) => void
}

/** How far rules of the same topics may decide, asked only where an event concerns one. */
export interface RuleClock {
  /** The least clock of its topics. */
  leastMs(): number
  /** Records of its topics lie unread for longer than this lateness. */
  isBehind(latenessMs: number): boolean
}

export interface Arrival {
  readonly event: ThumpEvent
  readonly id: string
  readonly atMs: number
  readonly topic: TopicName
  readonly nowMs: number
  /** Certainly no rule has seen its id. */
  readonly isNew: boolean
}

const noClock: RuleClock = { leastMs: () => Number.NEGATIVE_INFINITY, isBehind: () => false }
const maxSeen = 100_000
const overflowQuietMs = 300_000

/** One rule at work: its keys, the ids it has seen, and what is due when. */
export class RuleRuntime {
  rule: Rule
  /** That of its topics, or of its members' topics. */
  clock: RuleClock = noClock
  /** Decided late on purpose while the alerter is behind. */
  readonly #waitsWhileBehind: boolean
  readonly memory: RuleMemory
  readonly cost = createRuleCost()
  readonly #context: RuntimeContext
  #evaluator: Evaluator
  readonly #where: Predicate
  readonly #resolveWhen: Predicate | undefined
  readonly #reachMs: number
  #keys: KeyTable
  readonly #seen: SeenIds
  readonly #timers = new Timers<KeyState>()
  readonly #turn: RuleTurn
  #nowMs = 0
  #matched = 0

  constructor(rule: Rule, memory: RuleMemory, context: RuntimeContext) {
    this.rule = rule
    this.memory = memory
    this.#context = context
    const { shared } = context
    this.#evaluator = this.#evaluatorOf(rule)
    this.#where = compileCondition(rule.where, shared)
    const { spec } = rule
    this.#resolveWhen =
      spec.kind === 'match' && spec.resolveWhen ? compileCondition(spec.resolveWhen, shared) : undefined
    this.#waitsWhileBehind = spec.kind === 'absence'
    this.#reachMs = reachMs(spec)
    this.#keys = new KeyTable(rule.maxKeys)
    const windowMs = Number.isFinite(this.#reachMs) ? this.#reachMs : 0
    this.#seen = new SeenIds(Math.max(windowMs + rule.latenessMs, context.maxEventAgeMs), maxSeen)
    this.#turn = new RuleTurn({
      rule: () => this.rule,
      firstEventMs: () => this.memory.firstEventMs ?? Number.POSITIVE_INFINITY,
      skip: (reason) => this.#context.counts.skipped(this.rule.id, reason),
      emit: (transition) => this.#emit(transition),
    })
  }

  #evaluatorOf(rule: Rule): Evaluator {
    const { isSilent, shared } = this.#context
    return createEvaluator(rule, { current: () => this.rule, isSilent, shared })
  }

  watermarkMs(): number {
    return this.clock.leastMs() - this.rule.latenessMs
  }

  /** Absence is not decided while records that may end it lie unread. */
  mayDecide(): boolean {
    return !this.#waitsWhileBehind || !this.clock.isBehind(this.rule.latenessMs)
  }

  get keyCount(): number {
    return this.#keys.size
  }

  get seen(): SeenIds {
    return this.#seen
  }

  stateOf(key: readonly KeyValue[]): KeyState | undefined {
    return this.#keys.get(keyId(key))
  }

  /** A rule begins: keys that must be judged although no event names them. */
  begin(nowMs: number): void {
    this.#context.changes.rule(this.rule, this.memory)
    this.#expect(nowMs)
  }

  #expect(nowMs: number): void {
    const { spec, groupBy } = this.rule
    const isJudged =
      spec.kind === 'absence' || ((spec.kind === 'count' || spec.kind === 'distinct') && !isEager(spec.bound))
    if (!isJudged) return
    const expected = spec.kind === 'distinct' ? [] : spec.expectKeys
    for (const key of groupBy.length === 0 ? [[]] : expected) {
      const id = keyId(key)
      if (!this.#keys.get(id)) this.#settled(this.#add(new KeyState(id, this.#evaluator.fresh(nowMs, true))))
    }
  }

  /** Edited in what its state does not depend on: bounds, severity, texts, caps. */
  edit(rule: Rule, nowMs: number): void {
    const before = this.rule
    this.rule = rule
    if (before.maxKeys === rule.maxKeys && JSON.stringify(before.spec) === JSON.stringify(rule.spec)) return
    this.#evaluator = this.#evaluatorOf(rule)
    const states = [...this.#keys.states()]
    this.#keys = new KeyTable(rule.maxKeys)
    for (const state of states) {
      state.older = undefined
      state.newer = undefined
      state.dueMs = Number.POSITIVE_INFINITY
      this.#add(state)
    }
    this.#expect(nowMs)
  }

  /** As it was stored. */
  load(
    states: readonly StoredKey[],
    seen: ReadonlyArray<{ readonly id: string; readonly atMs: number }>,
    nowMs: number,
  ): void {
    for (const { id, window, alert } of states) this.#add(new KeyState(id, window, alert))
    for (const { id, atMs } of seen) {
      this.#seen.add(id, atMs)
      this.#context.recent.add(id)
    }
    this.#expect(nowMs)
  }

  take(arrival: Arrival): void {
    const { event, id, atMs, topic, nowMs, isNew } = arrival
    const isResolving = this.#resolveWhen?.(event) ?? false
    if (!isResolving && !this.#where(event)) return
    const steps = this.#evaluator.stepsOf?.(event, topic)
    if (steps === 0) return
    const { counts } = this.#context
    if (!isResolving && this.#matched++ === 0) this.#context.counted.add(this)
    if (!isNew && this.#seen.has(id, nowMs)) return counts.skipped(this.rule.id, 'duplicate')
    const watermarkMs = this.watermarkMs()
    if (atMs <= watermarkMs - this.#reachMs) return counts.late(this.rule.id)
    const keys = keysOf(event, this.rule.groupBy)
    if (keys.length === 0) return counts.skipped(this.rule.id, 'missing-key')
    this.#nowMs = nowMs
    if (this.memory.firstEventMs === undefined) {
      this.memory.firstEventMs = atMs
      this.#context.changes.rule(this.rule, this.memory)
    }
    const hit: Hit = { event, id, atMs, topic, isResolving, steps, member: undefined }
    const mayDecide = this.mayDecide()
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

  /** Every now and then: forgets what is old, tells what it cost. */
  keepHouse(nowMs: number): void {
    const { counts } = this.#context
    if (this.cost.untoldMs > 0) counts.cost?.(this.rule.id, this.cost.untoldMs / 1000)
    this.cost.untoldMs = 0
    if (this.#seen.expire(nowMs)) this.#context.changes.forgetSeen(this.rule.id, nowMs - this.#seen.keepMs)
  }

  /** What was counted since the last time: telling each event would cost more than deciding it. */
  tellCounts(): void {
    this.#context.counts.matched(this.rule.id, this.#matched)
    this.#matched = 0
  }

  /** The rule was edited or removed: its alerts close without a message. */
  close(atMs: number): void {
    this.#nowMs = atMs
    for (const state of this.#keys.states()) {
      this.#give(state, Number.NEGATIVE_INFINITY)
      this.#turn.resolve(atMs, true)
    }
  }

  /** Somebody ends an alert by hand: its key is forgotten and begins anew with its next event. False where it is none of this rule's. */
  closeAlert(alertId: string, atMs: number): boolean {
    this.#nowMs = atMs
    for (const state of this.#keys.states()) {
      if (state.alert?.id !== alertId) continue
      this.#give(state, Number.NEGATIVE_INFINITY)
      this.#turn.resolve(atMs, false)
      this.#delete(state)
      return true
    }
    return false
  }

  #takeKey(key: readonly KeyValue[], hit: Hit, watermarkMs: number, mayDecide: boolean): boolean {
    const id = keyId(key)
    const known = this.#keys.get(id)
    if (!known && this.#keys.isFull()) return !hit.isResolving && this.#overflow(hit)
    const state = known ?? new KeyState(id, this.#evaluator.fresh(hit.atMs))
    this.#give(state, watermarkMs)
    // What was due before the event is decided first; its own instant only with it.
    const decidedMs = Math.min(watermarkMs, hit.atMs - 1)
    if (known && mayDecide && this.#due(state) <= decidedMs) this.#evaluator.advance(this.#turn, decidedMs)
    const reason = this.#evaluator.take(this.#turn, hit)
    if (reason) this.#context.counts.skipped(this.rule.id, reason)
    if (reason && !known) return false
    const isSpent = this.#evaluator.isSpent(state, watermarkMs)
    if (isSpent) {
      if (known) this.#delete(state)
    } else if (known) {
      this.#settled(state)
      this.#schedule(state, Number.NEGATIVE_INFINITY)
    } else this.#settled(this.#add(state))
    return reason === undefined
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
    this.#turn.state = state
    this.#turn.watermarkMs = watermarkMs
  }

  /** A key of which nothing was kept; where the cap is met the stalest gives way. */
  #add(state: KeyState): KeyState {
    const stalest = this.#keys.add(state)
    if (stalest) {
      this.#context.counts.evicted(this.rule.id, 'key')
      this.#context.changes.gone(this, stalest)
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
    this.#context.changes.window(this, state)
  }

  #delete(state: KeyState): void {
    this.#keys.delete(state)
    this.#context.changes.gone(this, state)
  }

  #remember(id: string, nowMs: number): void {
    this.#context.recent.add(id)
    if (this.#seen.add(id, nowMs) !== undefined) this.#context.counts.evicted(this.rule.id, 'seen')
    this.#context.changes.seen(this.rule.id, id, nowMs)
  }

  #emit(decision: Omit<NewTransition, 'isCatchUp'>): void {
    const transition = { ...decision, isCatchUp: this.#nowMs - decision.atMs > this.#context.maxEventAgeMs }
    this.#context.changes.transition(transition)
    this.#context.decided(this.rule, transition)
  }
}
