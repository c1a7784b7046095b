import type { Rule } from '../rules/rule.ts'
import type { NewTransition } from './changes.ts'
import type { RuleRuntime } from './rule-runtime.ts'
import { tellComposites } from './tell-composites.ts'

/** Rules about other rules' alerts: what their members decide is told them in the order of time. */
export class Composites {
  #runtimes: ReadonlyMap<string, RuleRuntime> = new Map()
  #all: readonly RuleRuntime[] = []
  /** By member. */
  #memberOf = new Map<string, RuleRuntime[]>()
  /** Transitions of members that composites have not heard of yet. */
  readonly #heard: NewTransition[] = []

  /** The rules that run from now on. */
  follow(runtimes: ReadonlyMap<string, RuleRuntime>): void {
    this.#runtimes = runtimes
    this.#all = [...runtimes.values()].filter(({ rule }) => rule.spec.kind === 'composite')
    this.#memberOf = new Map()
    for (const runtime of this.#all) for (const id of membersOf(runtime.rule)) append(this.#memberOf, id, runtime)
  }

  hear(ruleId: string, transition: NewTransition): void {
    if (this.#memberOf.has(ruleId)) this.#heard.push(transition)
  }

  /** Composites hear of their members when these have all been decided as far as their watermarks go, in the order of time. */
  tell(nowMs: number): void {
    while (this.#heard.length > 0) {
      const concerned = new Set(this.#heard.flatMap(({ record }) => this.#memberOf.get(record.ruleId) ?? []))
      for (const { rule } of concerned) {
        for (const id of membersOf(rule)) {
          const member = this.#runtimes.get(id)
          if (member?.mayDecide()) member.advance(member.watermarkMs(), nowMs)
        }
      }
      tellComposites(this.#heard.splice(0), (id) => this.#memberOf.get(id) ?? [], nowMs)
    }
  }

  /** Decides what time alone decides. */
  advance(nowMs: number): void {
    for (const runtime of this.#all) runtime.advance(runtime.watermarkMs(), nowMs)
  }
}

export function membersOf({ spec }: Rule): readonly string[] {
  return spec.kind === 'composite' ? [...spec.allOf, ...spec.anyOf] : []
}

export function append<K, V>(map: Map<K, V[]>, key: K, item: V): void {
  const list = map.get(key)
  if (list) list.push(item)
  else map.set(key, [item])
}
