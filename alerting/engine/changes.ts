import type { TopicName } from '../../event/topics.ts'
import type { Rule } from '../rules/rule.ts'
import type { AlertRecord, Transition } from '../transition.ts'
import { recordOf } from './alert-record.ts'
import type { KeyState } from './key-state.ts'
import type { SeenIds } from './seen-ids.ts'

export type NewTransition = Omit<Transition, 'seq'>

/** Where reading goes on, and how far the partition's clock had come. */
export interface ReadPosition {
  readonly topic: TopicName
  readonly partition: number
  readonly next: number
  readonly clockMs: number
}

/** What is kept of a rule beside its keys. */
export interface RuleMemory {
  readonly startedMs: number
  firstEventMs?: number
}

/** Ids one rule has seen, each with when. */
export interface SeenSet {
  readonly rule: string
  readonly ids: readonly string[]
  readonly times: readonly number[]
}

/** All that is to be written together, in one transaction; handed over whole and then begun anew. */
export interface ChangeSet {
  /** Rules whose windows and seen ids are forgotten, before anything else is written. */
  readonly dropped: readonly string[]
  readonly rules: ReadonlyArray<{ readonly id: string; readonly fingerprint: string; readonly memory: RuleMemory }>
  /** As JSON, since the engine goes on; undefined: gone. */
  readonly windows: ReadonlyArray<{ readonly rule: string; readonly key: string; readonly state: string | undefined }>
  readonly seen: readonly SeenSet[]
  /** Seen ids at or before these instants are forgotten. */
  readonly seenUntil: ReadonlyMap<string, number>
  readonly transitions: readonly NewTransition[]
  /** Open alerts that moved on without a transition. */
  readonly alerts: readonly AlertRecord[]
  readonly positions: readonly ReadPosition[]
  readonly heartbeats: ReadonlyMap<string, number> | undefined
}

/** Its rule as it stands when it is asked: an edit may have come between. */
export interface RuleHolder {
  readonly rule: Rule
}

export interface SeenHolder extends RuleHolder {
  readonly seen: SeenIds
}

/** Nothing to write. */
export function isEmpty(changes: ChangeSet): boolean {
  const { dropped, rules, windows, seen, seenUntil, transitions, alerts, positions, heartbeats } = changes
  const lists = [dropped, rules, windows, seen, transitions, alerts, positions]
  return lists.every((list) => list.length === 0) && seenUntil.size === 0 && heartbeats === undefined
}

/** Collects what the engine changed since the last time it was asked. */
export class Changes {
  #dropped = new Set<string>()
  #rules = new Map<string, { id: string; fingerprint: string; memory: RuleMemory }>()
  /** In order: a key that went may have come again. */
  #windows: Array<{ readonly of: RuleHolder; readonly state: KeyState; readonly isGone: boolean }> = []
  #seen = new Set<SeenHolder>()
  #seenUntil = new Map<string, number>()
  #transitions: NewTransition[] = []

  get hasTransitions(): boolean {
    return this.#transitions.length > 0
  }

  drop(ruleId: string): void {
    this.#dropped.add(ruleId)
    this.#rules.delete(ruleId)
    this.#windows = this.#windows.filter(({ of }) => of.rule.id !== ruleId)
    for (const of of this.#seen) if (of.rule.id === ruleId) this.#seen.delete(of)
  }

  rule({ id, fingerprint }: Rule, memory: RuleMemory): void {
    this.#rules.set(id, { id, fingerprint, memory })
  }

  /** Of a state that changes again and again before it is written the last counts. */
  window(of: RuleHolder, state: KeyState): void {
    if (state.isDirty) return
    state.isDirty = true
    this.#windows.push({ of, state, isGone: false })
  }

  gone(of: RuleHolder, state: KeyState): void {
    this.#windows.push({ of, state, isGone: true })
  }

  /** It has seen ids that are not written; they are taken from it when all is taken. */
  seen(of: SeenHolder): void {
    if (of.seen.isTold) return
    of.seen.isTold = true
    this.#seen.add(of)
  }

  forgetSeen(rule: string, untilMs: number): void {
    this.#seenUntil.set(rule, untilMs)
  }

  transition(transition: NewTransition): void {
    this.#transitions.push(transition)
  }

  take(): Omit<ChangeSet, 'positions' | 'heartbeats'> {
    const windows: Array<{ rule: string; key: string; state: string | undefined }> = []
    const alerts: AlertRecord[] = []
    for (const { of, state, isGone } of this.#windows) {
      const { rule } = of
      windows.push({ rule: rule.id, key: state.id, state: isGone ? undefined : JSON.stringify(state.written()) })
      if (!isGone && state.alert) alerts.push(recordOf(rule, state, state.alert))
      state.isDirty = false
    }
    const taken = {
      dropped: [...this.#dropped],
      rules: [...this.#rules.values()],
      windows,
      seen: [...this.#seen].map(({ rule, seen }) => ({ rule: rule.id, ...seen.takeUnwritten() })),
      seenUntil: this.#seenUntil,
      transitions: this.#transitions,
      alerts,
    }
    this.#dropped = new Set()
    this.#rules = new Map()
    this.#windows = []
    this.#seen.clear()
    this.#seenUntil = new Map()
    this.#transitions = []
    return taken
  }
}
