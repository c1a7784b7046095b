import type { Condition } from './condition.ts'
import { fieldValues } from './field.ts'
import { compileCondition } from './predicate.ts'
import type { Rule } from './rule.ts'
import { cutText } from './text.ts'

/** A condition taken apart against one event: one line a part, with the value seen. */
function explainCondition(condition: Condition, event: unknown, depth = 0): string[] {
  const isMet = compileCondition(condition)(event)
  const mark = `${'  '.repeat(depth)}${isMet ? 'yes' : 'no '}`
  if (condition.kind === 'not') return [`${mark} not`, ...explainCondition(condition.part, event, depth + 1)]
  if (condition.kind !== 'test') {
    if (condition.parts.length === 0) return [`${mark} every event of the topic`]
    return [`${mark} ${condition.kind}`, ...condition.parts.flatMap((part) => explainCondition(part, event, depth + 1))]
  }
  const { path, operator, values, isCased } = condition
  const name = [path.join('.'), ...(operator === 'is' ? [] : [operator]), ...(isCased ? ['cased'] : [])].join('.')
  const wanted =
    values.length > 5 ? `one of ${values.length} values` : values.map((value) => JSON.stringify(value)).join(' or ')
  const seen = fieldValues(event, path)
  const shown =
    seen.length === 0 ? 'missing' : seen.map((value) => cutText(JSON.stringify(value) ?? '', 120)).join(', ')
  return [`${mark} ${name}: ${wanted} (seen: ${shown})`]
}

/** A rule's conditions and keys against one event. */
export function explainRule(rule: Rule, event: unknown): string[] {
  const { spec, groupBy } = rule
  const named = (title: string, condition: Condition) => [`${title}:`, ...explainCondition(condition, event, 1)]
  const lines = [`rule ${rule.id} (${spec.kind}, ${rule.topics.join(' ')}, stage ${rule.stage})`]
  if (spec.kind === 'composite') return [...lines, 'a composite looks at alerts, not at events']
  if (spec.kind === 'match' && spec.resolveWhen) lines.push(...named('resolveWhen', spec.resolveWhen))
  lines.push(...named('where', rule.where))
  if (spec.kind === 'ratio') lines.push(...named('ratio.of', spec.of))
  if (spec.kind === 'sequence')
    spec.steps.forEach((step, index) =>
      lines.push(...named(`step ${index + 1}${step.isNot ? ' (must not come)' : ''}`, step.condition)),
    )
  for (const { name, path } of groupBy) {
    const values = fieldValues(event, path)
    lines.push(
      `groupBy ${name}: ${values.length === 0 ? 'missing: the event is skipped' : values.map((value) => JSON.stringify(value)).join(', ')}`,
    )
  }
  return lines
}
