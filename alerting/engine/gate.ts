import type { Condition, Test } from '../rules/condition.ts'
import { requiredLiteral } from '../rules/pattern.ts'
import type { Rule } from '../rules/rule.ts'
import { foldText, plainAddress } from '../rules/text.ts'

/** Something without which a rule cannot take an event: a field's value, or a text within it. Folded. */
export interface Gate {
  readonly kind: 'is' | 'text'
  readonly path: readonly string[]
  readonly words: readonly string[]
}

/** How often a field's value is asked for, over all rules: the rarer, the better a gate. */
export type Popularity = ReadonlyMap<string, number>

/** A text costs a scan of its field, shared by all rules. */
const textCost = 4

/** What an event must satisfy to concern the rule at all. */
export function entryOf({ where, spec }: Rule): Condition {
  if (spec.kind === 'match' && spec.resolveWhen) return { kind: 'any', parts: [where, spec.resolveWhen] }
  if (spec.kind === 'sequence')
    return { kind: 'all', parts: [where, { kind: 'any', parts: spec.steps.map(({ condition }) => condition) }] }
  return where
}

/** Gates of which an event must pass at least one; undefined where the condition gives none. */
export function gatesOf(condition: Condition, popularity: Popularity): readonly Gate[] | undefined {
  switch (condition.kind) {
    case 'not':
      return undefined
    case 'any': {
      const parts = condition.parts.map((part) => gatesOf(part, popularity))
      return parts.includes(undefined) || parts.length === 0 ? undefined : parts.flatMap((gates) => gates ?? [])
    }
    case 'all': {
      const parts = condition.parts.map((part) => gatesOf(part, popularity)).filter((gates) => gates !== undefined)
      return parts.toSorted((a, b) => cost(a, popularity) - cost(b, popularity))[0]
    }
    case 'test': {
      const gate = gateOf(condition)
      return gate && [gate]
    }
  }
}

function gateOf({ operator, path, values }: Test): Gate | undefined {
  if (!values.every((value) => typeof value === 'string')) return undefined
  const words = values as readonly string[]
  switch (operator) {
    case 'is':
    case 'in':
      return { kind: 'is', path, words: words.map((word) => foldText(plainAddress(word))) }
    case 'contains':
    case 'keywordsFile':
      return { kind: 'text', path, words: words.map(foldText) }
    case 'regex': {
      const literals = words.map(requiredLiteral)
      return literals.includes(undefined)
        ? undefined
        : { kind: 'text', path, words: literals.map((literal) => literal ?? '') }
    }
    default:
      return undefined
  }
}

/** One key a field and value. */
export function gateKey(path: readonly string[], word: string): string {
  return `${path.join('.')} ${word}`
}

/** Counts every equality of every condition. */
export function popularityOf(conditions: readonly Condition[]): Popularity {
  const counts = new Map<string, number>()
  const count = (condition: Condition): void => {
    if (condition.kind === 'not') return
    if (condition.kind !== 'test') return condition.parts.forEach(count)
    const gate = gateOf(condition)
    if (gate?.kind !== 'is') return
    for (const word of gate.words) {
      const key = gateKey(gate.path, word)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  conditions.forEach(count)
  return counts
}

function cost(gates: readonly Gate[], popularity: Popularity): number {
  let sum = 0
  for (const { kind, path, words } of gates) {
    if (kind === 'text') sum += textCost
    else for (const word of words) sum += popularity.get(gateKey(path, word)) ?? 0
  }
  return sum
}
