import type { NewTransition } from '../engine/changes.ts'
import type { Rule } from '../rules/rule.ts'

/** How a rule's firings would change. Alerts are the same where rule, key and cause are. */
export interface RuleDifference {
  readonly id: string
  /** `edited`: in both; the rest is only in one. */
  readonly kind: 'edited' | 'added' | 'removed'
  running: number
  tested: number
  /** Alerts only the tested rule raises, and only the running one. */
  gained: number
  lost: number
}

/** Alerts of one side that wait for the other side's; beyond this they count as different. */
const maxPending = 200_000

/** The tested rules against those that run: which are compared, and what came of it. */
export class Difference {
  /** What must be replayed of the running rules: the edited and removed ones, and the members of their composites. */
  readonly running: readonly Rule[]
  readonly #rules = new Map<string, RuleDifference>()
  readonly #pending = new Map<string, { readonly rule: RuleDifference; readonly side: 'running' | 'tested' }>()

  constructor(running: readonly Rule[], tested: readonly Rule[]) {
    const old = new Map(active(running).map((rule) => [rule.id, rule]))
    const fresh = new Map(active(tested).map((rule) => [rule.id, rule]))
    const edited = (id: string) => contentOf(old.get(id)) !== contentOf(fresh.get(id))
    const isDifferent = (id: string) =>
      edited(id) || membersOf(old.get(id)).some(edited) || membersOf(fresh.get(id)).some(edited)
    for (const id of new Set([...old.keys(), ...fresh.keys()])) {
      if (!isDifferent(id)) continue
      const kind = !old.has(id) ? 'added' : fresh.has(id) ? 'edited' : 'removed'
      this.#rules.set(id, { id, kind, running: 0, tested: 0, gained: 0, lost: 0 })
    }
    const needed = new Set([...this.#rules.keys()].flatMap((id) => [id, ...membersOf(old.get(id))]))
    this.running = [...old.values()].filter(({ id }) => needed.has(id))
  }

  get isEmpty(): boolean {
    return this.#rules.size === 0
  }

  add(side: 'running' | 'tested', { kind, alertId, record }: NewTransition): void {
    const rule = this.#rules.get(record.ruleId)
    if (kind !== 'firing' || !rule) return
    rule[side]++
    const waiting = this.#pending.get(alertId)
    if (waiting && waiting.side !== side) {
      this.#pending.delete(alertId)
      return
    }
    if (rule.kind === 'edited' && this.#pending.size < maxPending) this.#pending.set(alertId, { rule, side })
    else rule[side === 'tested' ? 'gained' : 'lost']++
  }

  /** Once both sides are through. */
  rules(): readonly RuleDifference[] {
    for (const { rule, side } of this.#pending.values()) rule[side === 'tested' ? 'gained' : 'lost']++
    this.#pending.clear()
    return [...this.#rules.values()]
  }
}

function active(rules: readonly Rule[]): Rule[] {
  return rules.filter(({ stage }) => stage !== 'off')
}

function membersOf(rule: Rule | undefined): readonly string[] {
  return rule?.spec.kind === 'composite' ? [...rule.spec.allOf, ...rule.spec.anyOf] : []
}

/** All that decides when it fires; what only changes its words or who is told does not. */
function contentOf(rule: Rule | undefined): string | undefined {
  return rule && `${rule.fingerprint} ${JSON.stringify(rule.spec)} ${rule.latenessMs} ${rule.maxKeys}`
}
