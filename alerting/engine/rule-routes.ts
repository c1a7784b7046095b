import type { TopicName } from '../../event/topics.ts'
import type { Rule } from '../rules/rule.ts'
import { append, membersOf } from './composites.ts'
import { createNetwork, type Network } from './network.ts'
import type { PartitionClocks } from './partition-clocks.ts'
import type { RuleClock, RuleRuntime } from './rule-runtime.ts'

/** The rules that listen to a topic, and which of them an event may concern. */
export interface Route {
  readonly runtimes: readonly RuleRuntime[]
  readonly network: Network
  /** What the network was made of. */
  readonly rules: readonly Rule[]
}

/** By topic; the network of a topic whose rules ask for the same as `before` is kept. Each rule is given the clock of its topics, a composite that of its members'. */
export function routeRules(
  runtimes: ReadonlyMap<string, RuleRuntime>,
  clocks: PartitionClocks,
  nowMs: () => number,
  before: ReadonlyMap<TopicName, Route>,
): Map<TopicName, Route> {
  const known = new Map<string, RuleClock>()
  const clockOf = (topics: readonly TopicName[]): RuleClock => {
    const name = topics.join(' ')
    let clock = known.get(name)
    if (!clock) {
      clock = {
        leastMs: clocks.least(topics),
        isBehind: (latenessMs) => clocks.isBehind(topics, nowMs(), latenessMs),
      }
      known.set(name, clock)
    }
    return clock
  }
  const byTopic = new Map<TopicName, RuleRuntime[]>()
  for (const runtime of runtimes.values()) {
    const { rule } = runtime
    if (rule.spec.kind === 'composite') {
      runtime.clock = clockOf([...new Set(membersOf(rule).flatMap((id) => runtimes.get(id)?.rule.topics ?? []))])
      continue
    }
    runtime.clock = clockOf(rule.topics)
    for (const topic of rule.topics) append(byTopic, topic, runtime)
  }
  return new Map([...byTopic].map(([topic, own]) => [topic, routeOf(own, before.get(topic))]))
}

function routeOf(runtimes: readonly RuleRuntime[], before: Route | undefined): Route {
  const rules = runtimes.map(({ rule }) => rule)
  const isKept =
    before?.rules.length === rules.length && before.rules.every((rule, index) => asksTheSame(rule, rules[index]))
  return { runtimes, rules, network: isKept ? before.network : createNetwork(rules) }
}

/** By identity: a rule that was not edited keeps its parts over a reload. */
function asksTheSame(before: Rule, after: Rule | undefined): boolean {
  return before.where === after?.where && before.spec === after.spec
}
