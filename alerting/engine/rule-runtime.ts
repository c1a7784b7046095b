import { compileCondition, type Predicate, type SharedTests } from '../rules/predicate.ts'
import { reachMs, type Rule } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'
import type { Changes, NewTransition, RuleMemory } from './changes.ts'
import { createRuleCost } from './cost-meter.ts'
import type { Evaluators } from './evaluator.ts'
import { createKeyReader, keyId, type KeyReader, keysOf } from './group-keys.ts'
import type { Evaluator, Hit, KeyState, SkipReason, StoredKey } from './key-state.ts'
import { KeyTurns } from './key-turns.ts'
import type { RecentIds } from './recent-ids.ts'
import { SeenIds } from './seen-ids.ts'
import type { RuleTurn } from './turn.ts'

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
  readonly evaluators: Evaluators
  /** Whose turn it is, of all rules: one after the other. */
  readonly turn: RuleTurn
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

/** An event on its way to the rules it may concern. */
export interface Arrival {
  /** As rules take it that neither resolve by it nor wait for its step: most of them. */
  readonly hit: Hit
  readonly nowMs: number
  /** Certainly no rule has seen its id. */
  readonly isNew: boolean
}

const noClock: RuleClock = { leastMs: () => Number.NEGATIVE_INFINITY, isBehind: () => false }
const maxSeen = 100_000

/** One rule at work: what it asks of an event, the ids it has seen, and its keys. */
export class RuleRuntime {
  rule: Rule
  /** That of its topics, or of its members' topics. */
  clock: RuleClock = noClock
  readonly memory: RuleMemory
  readonly cost = createRuleCost()
  readonly seen: SeenIds
  readonly #context: RuntimeContext
  /** Decided late on purpose while the alerter is behind. */
  readonly #waitsWhileBehind: boolean
  readonly #where: Predicate
  readonly #resolveWhen: Predicate | undefined
  readonly #reachMs: number
  readonly #keyOf: KeyReader
  readonly #turns: KeyTurns
  #stepsOf: Evaluator['stepsOf']
  /** That of the rule, which is not looked at while an event merely counts: of thousands of rules each look is a walk into memory. */
  #latenessMs: number
  #isBegun: boolean
  #nowMs = 0
  #matched = 0

  constructor(rule: Rule, memory: RuleMemory, context: RuntimeContext) {
    this.rule = rule
    this.memory = memory
    this.#latenessMs = rule.latenessMs
    this.#isBegun = memory.firstEventMs !== undefined
    this.#context = context
    const { spec } = rule
    const { shared, counts, changes, turn } = context
    this.#where = compileCondition(rule.where, shared)
    this.#resolveWhen =
      spec.kind === 'match' && spec.resolveWhen ? compileCondition(spec.resolveWhen, shared) : undefined
    this.#waitsWhileBehind = spec.kind === 'absence'
    this.#reachMs = reachMs(spec)
    this.#keyOf = createKeyReader(rule.groupBy)
    const windowMs = Number.isFinite(this.#reachMs) ? this.#reachMs : 0
    this.seen = new SeenIds(Math.max(windowMs + rule.latenessMs, context.maxEventAgeMs), maxSeen)
    this.#turns = new KeyTurns({
      holder: this,
      memory,
      evaluator: this.#evaluatorOf(rule),
      changes,
      turn,
      skip: (reason) => counts.skipped(this.rule.id, reason),
      evicted: () => counts.evicted(this.rule.id, 'key'),
      emit: (transition) => this.#emit(transition),
    })
  }

  #evaluatorOf(rule: Rule): Evaluator {
    const { isSilent, shared, evaluators } = this.#context
    const evaluator = evaluators.of(rule, { current: () => this.rule, isSilent, shared })
    this.#stepsOf = evaluator.stepsOf
    return evaluator
  }

  watermarkMs(): number {
    return this.clock.leastMs() - this.#latenessMs
  }

  /** Absence is not decided while records that may end it lie unread. */
  mayDecide(): boolean {
    return !this.#waitsWhileBehind || !this.clock.isBehind(this.#latenessMs)
  }

  get keyCount(): number {
    return this.#turns.size
  }

  stateOf(key: readonly KeyValue[]): KeyState | undefined {
    return this.#turns.stateOf(key)
  }

  /** A rule begins. */
  begin(nowMs: number): void {
    this.#context.changes.rule(this.rule, this.memory)
    this.#turns.expect(nowMs)
  }

  /** Edited in what its state does not depend on: bounds, severity, texts, caps. */
  edit(rule: Rule, nowMs: number): void {
    const before = this.rule
    this.rule = rule
    this.#latenessMs = rule.latenessMs
    if (before.maxKeys === rule.maxKeys && isSame(before.spec, rule.spec)) return
    this.#turns.edit(rule, this.#evaluatorOf(rule), nowMs)
  }

  /** As it was stored. */
  load(
    states: readonly StoredKey[],
    seen: ReadonlyArray<{ readonly id: string; readonly atMs: number }>,
    nowMs: number,
  ): void {
    this.#turns.load(states)
    for (const { id, atMs } of seen) {
      this.seen.add(id, atMs)
      this.#context.recent.add(id)
    }
    this.seen.markWritten()
    this.#turns.expect(nowMs)
  }

  take({ hit, nowMs, isNew }: Arrival): void {
    const { event, id, atMs, topic } = hit
    const isResolving = this.#resolveWhen !== undefined && this.#resolveWhen(event)
    if (!isResolving && !this.#where(event)) return
    const steps = this.#stepsOf?.(event, topic)
    if (steps === 0) return
    const { counts, changes } = this.#context
    if (!isResolving && this.#matched++ === 0) this.#context.counted.add(this)
    if (!isNew && this.seen.has(id, nowMs)) return counts.skipped(this.rule.id, 'duplicate')
    const watermarkMs = this.watermarkMs()
    if (atMs <= watermarkMs - this.#reachMs) return counts.late(this.rule.id)
    const only = this.#keyOf(event)
    const keys = only === undefined ? keysOf(event, this.rule.groupBy) : undefined
    if (keys?.length === 0) return counts.skipped(this.rule.id, 'missing-key')
    this.#nowMs = nowMs
    if (!this.#isBegun) {
      this.#isBegun = true
      this.memory.firstEventMs = atMs
      changes.rule(this.rule, this.memory)
    }
    const own = isResolving || steps !== undefined ? { ...hit, isResolving, steps } : hit
    const mayDecide = this.mayDecide()
    let isTaken = only !== undefined && this.#turns.take(only, own, watermarkMs, mayDecide)
    for (const key of keys ?? []) isTaken = this.#turns.take(keyId(key), own, watermarkMs, mayDecide) || isTaken
    if (isTaken) this.#remember(id, nowMs)
  }

  /** For composites: an alert of a member opened or closed. */
  takeMember(key: readonly KeyValue[], hit: Hit, watermarkMs: number, nowMs: number): void {
    this.#nowMs = nowMs
    this.#turns.take(keyId(key), hit, watermarkMs, true)
  }

  /** Decides all that is due. */
  advance(watermarkMs: number, nowMs: number): void {
    this.#nowMs = nowMs
    this.#turns.advance(watermarkMs)
  }

  /** Every now and then: forgets what is old, tells what it cost. */
  keepHouse(nowMs: number): void {
    const { counts, changes } = this.#context
    if (this.cost.untoldMs > 0) counts.cost?.(this.rule.id, this.cost.untoldMs / 1000)
    this.cost.untoldMs = 0
    if (this.seen.expire(nowMs)) changes.forgetSeen(this.rule.id, nowMs - this.seen.keepMs)
  }

  /** What was counted since the last time: telling each event would cost more than deciding it. */
  tellCounts(): void {
    this.#context.counts.matched(this.rule.id, this.#matched)
    this.#matched = 0
  }

  /** The rule was edited or removed: its alerts close without a message. */
  close(atMs: number): void {
    this.#nowMs = atMs
    this.#turns.close(atMs)
  }

  /** Somebody ends an alert by hand; false where it is none of this rule's. */
  closeAlert(alertId: string, atMs: number): boolean {
    this.#nowMs = atMs
    return this.#turns.closeAlert(alertId, atMs)
  }

  #remember(id: string, nowMs: number): void {
    const { recent, counts, changes } = this.#context
    recent.add(id)
    if (this.seen.add(id, nowMs) !== undefined) counts.evicted(this.rule.id, 'seen')
    changes.seen(this)
  }

  #emit(decision: Omit<NewTransition, 'isCatchUp'>): void {
    const transition = { ...decision, isCatchUp: this.#nowMs - decision.atMs > this.#context.maxEventAgeMs }
    this.#context.changes.transition(transition)
    this.#context.decided(this.rule, transition)
  }
}

function isSame(before: Rule['spec'], after: Rule['spec']): boolean {
  return before === after || JSON.stringify(before) === JSON.stringify(after)
}
