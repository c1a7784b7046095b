import type { Condition, Test } from '../rules/condition.ts'
import { requiredLiteral } from '../rules/pattern.ts'
import type { Rule } from '../rules/rule.ts'
import { foldText } from '../rules/text.ts'

/** Texts of which at least one stands in the JSON of every event that satisfies a condition. Folded. */
export type Gate = readonly string[]

/** How many rules ask for a text: the fewer, the better it tells them apart. */
export type Popularity = ReadonlyMap<string, number>

/** What an event must satisfy to concern the rule at all. */
export function entryOf({ where, spec }: Rule): Condition {
  if (spec.kind === 'match' && spec.resolveWhen) return { kind: 'any', parts: [where, spec.resolveWhen] }
  if (spec.kind === 'sequence')
    return { kind: 'all', parts: [where, { kind: 'any', parts: spec.steps.map(({ condition }) => condition) }] }
  return where
}

/** Gates of which an event must pass every one, the one that tells most first; empty where the condition gives none. */
export function gatesOf(condition: Condition, popularity: Popularity): readonly Gate[] {
  switch (condition.kind) {
    case 'not':
      return []
    case 'all':
      return condition.parts
        .flatMap((part) => gatesOf(part, popularity))
        .toSorted((a, b) => cost(a, popularity) - cost(b, popularity))
    case 'any': {
      const best = condition.parts.map((part) => gatesOf(part, popularity)[0])
      return best.includes(undefined) || best.length === 0 ? [] : [[...new Set(best.flatMap((gate) => gate ?? []))]]
    }
    case 'test': {
      const gate = gateOf(condition)
      return gate ? [gate] : []
    }
  }
}

/** Counts every text of every condition. */
export function popularityOf(conditions: readonly Condition[]): Popularity {
  const counts = new Map<string, number>()
  const count = (condition: Condition): void => {
    if (condition.kind === 'not') return
    if (condition.kind !== 'test') return condition.parts.forEach(count)
    for (const word of gateOf(condition) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  conditions.forEach(count)
  return counts
}

/** Rules that share a text come first into account, then short texts, which stand in many events. */
function cost(gate: Gate, popularity: Popularity): number {
  let rules = 0
  let shortest = Number.POSITIVE_INFINITY
  for (const word of gate) {
    rules = Math.max(rules, popularity.get(word) ?? 0)
    shortest = Math.min(shortest, word.length)
  }
  return rules + 1 / shortest
}

function gateOf(test: Test): Gate | undefined {
  const { operator, values } = test
  if (operator === 'exists' && values[0] !== true) return undefined
  const words = values.map((value) => (typeof value === 'string' ? wordOf(test, value) : undefined))
  // A field that is not there satisfies nothing: where its value gives no text its name does.
  return words.includes(undefined) ? nameGate(test) : [...new Set(words.map((word) => word ?? ''))]
}

const address = /^\d{1,3}(\.\d{1,3}){3}$/

function wordOf({ operator }: Test, value: string): string | undefined {
  switch (operator) {
    case 'is':
    case 'in':
      // `::ffff:` may stand before an address.
      return plain(value, address.test(value) ? '' : '"', '"')
    case 'contains':
    case 'keywordsFile':
      return plain(value, '', '')
    case 'starts':
      return plain(value, /^\d/.test(value) ? '' : '"', '')
    case 'ends':
      return plain(value, '', '"')
    case 'regex': {
      const literal = requiredLiteral(value)
      return literal === undefined ? undefined : plain(literal, '', '')
    }
    default:
      return undefined
  }
}

/** The last segment of a path ends a name, however the event nests or dots it. */
function nameGate({ path }: Test): Gate | undefined {
  const name = path.at(-1) ?? ''
  const word = plain(name, '', '"')
  return word === undefined || word.length !== name.length + 1 ? undefined : [word]
}

/** Anything JSON writes otherwise than it is: quotes, backslashes, control characters, halves of a character. */
const escaped = /["\\\p{Cc}\p{Cs}]/u
const leastBytes = 2

/** The longest part of a text that JSON writes as it is; with quotes where it touches the value's ends. */
function plain(text: string, before: string, after: string): string | undefined {
  const parts = foldText(text).split(escaped)
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '')
  const at = parts.indexOf(longest)
  const word = `${at === 0 ? before : ''}${longest}${at === parts.length - 1 ? after : ''}`
  return longest === '' || Buffer.byteLength(word) < leastBytes ? undefined : word
}
