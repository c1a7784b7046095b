import type { TopicName } from '../../event/topics.ts'
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

/** What stands beside the conditions; told first, since it makes all else idle. */
export interface ExplainFacts {
  /** The topic the event travels on, as far as it shows. */
  readonly topic: TopicName
  /** Thump's own doings, which rules do not see unless they ask for them. */
  readonly isHidden: boolean
}

/** A rule's conditions and keys against one event, and what comes of it. */
export function explainRule(rule: Rule, event: unknown, { topic, isHidden }: ExplainFacts): string[] {
  const { spec, groupBy } = rule
  const named = (title: string, condition: Condition) => [`${title}:`, ...explainCondition(condition, event, 1)]
  const lines = [`rule ${rule.id} (${spec.kind}, ${rule.topics.join(' ')}, stage ${rule.stage}) at ${placeText(rule)}`]
  if (spec.kind === 'composite') return [...lines, 'a composite looks at alerts, not at events']
  if (spec.kind === 'match' && spec.resolveWhen) lines.push(...named('resolveWhen', spec.resolveWhen))
  lines.push(...named('where', rule.where))
  if (spec.kind === 'ratio') lines.push(...named('ratio.of', spec.of))
  if (spec.kind === 'sequence')
    spec.steps.forEach((step, index) =>
      lines.push(...named(`step ${index + 1}${step.isNot ? ' (must not come)' : ''}`, step.condition)),
    )
  for (const { name, path } of [...groupBy, ...fieldsOf(spec)]) {
    const values = fieldValues(event, path)
    lines.push(
      `${groupBy.some((key) => key.name === name) ? 'groupBy' : spec.kind} ${name}: ${values.length === 0 ? 'missing: the event is skipped' : values.map((value) => cutText(JSON.stringify(value) ?? '', 120)).join(', ')}`,
    )
  }
  return [...lines, `→ ${verdict(rule, event, { topic, isHidden })}`]
}

function placeText({ place: { file, line } }: Rule): string {
  return `${file}:${line}`
}

/** The fields a type cannot do without. */
function fieldsOf(spec: Rule['spec']): Rule['groupBy'] {
  const paths =
    spec.kind === 'change' || spec.kind === 'distinct'
      ? [spec.field]
      : spec.kind === 'metric'
        ? [spec.field, ...(spec.divisor ? [spec.divisor] : [])]
        : spec.kind === 'newValue'
          ? spec.fields
          : []
  return paths.map((path) => ({ name: path.join('.'), path }))
}

function verdict(rule: Rule, event: unknown, { topic, isHidden }: ExplainFacts): string {
  const { spec, groupBy } = rule
  if (rule.stage === 'off') return 'not taken: the rule is off'
  if (!rule.topics.includes(topic))
    return `not taken: this event travels on ${topic}, the rule listens to ${rule.topics.join(', ')}`
  if (isHidden) return "not taken: it is Thump's own doing (tags: thump-internal), hidden unless a rule asks for tags"
  const takes = (condition: Condition) => compileCondition(condition)(event)
  const missing = [...groupBy, ...fieldsOf(spec)].filter(({ path }) => fieldValues(event, path).length === 0)
  const skipped =
    missing.length > 0 ? `skipped and counted: ${missing.map(({ name }) => name).join(', ')} is missing` : undefined
  if (spec.kind === 'match' && spec.resolveWhen && takes(spec.resolveWhen))
    return skipped ?? 'taken: it resolves the alert of its key'
  if (!takes(rule.where)) return 'not taken: where is not satisfied'
  if (spec.kind === 'sequence') {
    const steps = spec.steps.flatMap((step, index) =>
      step.topics.includes(topic) && takes(step.condition) ? [String(index + 1)] : [],
    )
    return steps.length === 0
      ? 'not taken: it is none of the steps'
      : (skipped ?? `taken: as step ${steps.join(' or ')}`)
  }
  return skipped ?? `taken${rule.stage === 'shadow' ? ' (in shadow: nobody is told)' : ''}`
}
