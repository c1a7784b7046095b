import { suggestion } from '../../runtime/config/suggest.ts'
import type { TopicName } from '../../event/topics.ts'
import { operations } from '../../event/operations.ts'
import { type Complaint, type Condition, operatorHint, type Test, testsOf } from './condition.ts'
import type { FieldPath } from './field.ts'
import { highCardinality, knownFields, producersOf, type SourceName } from './known-fields.ts'
import { conditionsOf, isEager, type Rule } from './rule.ts'
import type { RuleInput } from './schema.ts'

/** What is allowed and yet likely a mistake. */
export function warnOf(rule: Rule, input: RuleInput): Complaint[] {
  const found: Complaint[] = []
  const warn = (path: readonly PropertyKey[], code: string, message: string) =>
    found.push({ path, code, message, severity: 'warning' })
  const { spec } = rule
  const waiting = waitOf(rule)
  if (waiting && waiting.ms < rule.latenessMs)
    warn(
      waiting.path,
      'lateness',
      `${waiting.path.join('.')} ${seconds(waiting.ms)} is shorter than allowedLateness ${seconds(rule.latenessMs)}`,
    )
  warnOfFields(rule.where, rule.topics, ['where'], warn)
  if (spec.kind === 'match' && spec.resolveWhen) warnOfFields(spec.resolveWhen, rule.topics, ['resolveWhen'], warn)
  if (spec.kind === 'sequence')
    spec.steps.forEach((step, index) => warnOfFields(step.condition, step.topics, ['steps', index], warn))
  if (spec.kind === 'ratio') warnOfFields(spec.of, rule.topics, ['ratio', 'of'], warn)
  for (const { path, at } of ownFields(spec)) warnOfField(path, rule.topics, at, warn)
  for (const { name, path } of rule.groupBy) {
    // A composite's keys come from its members'.
    if (spec.kind !== 'composite') warnOfField(path, rule.topics, ['groupBy'], warn)
    if (highCardinality.has(name))
      warn(
        ['groupBy'],
        'cardinality',
        `"${name}" has a value per event or connection: a window is kept for each, up to maxKeys`,
      )
  }
  for (const [key, template] of [
    ['summary', rule.summary],
    ['description', rule.description],
  ] as const)
    for (const path of template?.fields ?? [])
      if (input[key] !== undefined && spec.kind !== 'composite') warnOfField(path, rule.topics, [key], warn)
  return found
}

/** The time that must pass in silence before the rule decides: shorter than lateness it says little. */
function waitOf({ spec }: Rule): { readonly path: readonly string[]; readonly ms: number } | undefined {
  switch (spec.kind) {
    case 'absence':
      return { path: ['absence', 'for'], ms: spec.forMs }
    case 'spike':
      return spec.direction === 'up' ? undefined : { path: ['spike', 'window'], ms: spec.windowMs }
    case 'count':
    case 'distinct':
    case 'ratio':
      return isEager(spec.bound) ? undefined : { path: [spec.kind, 'within'], ms: spec.withinMs }
    case 'sequence':
      return spec.steps.at(-1)?.isNot ? { path: ['within'], ms: spec.withinMs } : undefined
    default:
      return undefined
  }
}

/** The fields a type looks at beside its conditions. */
function ownFields(
  spec: Rule['spec'],
): ReadonlyArray<{ readonly path: FieldPath; readonly at: readonly PropertyKey[] }> {
  switch (spec.kind) {
    case 'change':
    case 'distinct':
      return [{ path: spec.field, at: [spec.kind, 'field'] }]
    case 'metric':
      return [spec.field, ...(spec.divisor ? [spec.divisor] : [])].map((path) => ({ path, at: ['metric', 'field'] }))
    case 'newValue':
      return spec.fields.map((path, index) => ({ path, at: ['newValue', 'fields', index] }))
    default:
      return []
  }
}

type Warn = (path: readonly PropertyKey[], code: string, message: string) => void

function warnOfFields(
  condition: Condition,
  topics: readonly TopicName[],
  path: readonly PropertyKey[],
  warn: Warn,
): void {
  const seen = new Set<string>()
  for (const test of testsOf(condition)) {
    const name = test.path.join('.')
    if (seen.has(name)) continue
    seen.add(name)
    warnOfField(test.path, topics, [...path, ...keyOf(name, test.operator)], warn)
    warnOfOperation(test, [...path, ...keyOf(name, test.operator)], warn)
  }
}

/** The same for a rule that is no whole one. */
export function warnOfCondition(
  condition: Condition,
  topics: readonly TopicName[],
  path: readonly PropertyKey[],
  complain: (complaint: Complaint) => void,
): void {
  warnOfFields(condition, topics, path, (at, code, message) =>
    complain({ path: at, code, message, severity: 'warning' }),
  )
}

/** Operations are a closed list: any other never comes. */
function warnOfOperation({ path, operator, values }: Test, at: readonly PropertyKey[], warn: Warn): void {
  if (path.join('.') !== 'amqp.operation' || (operator !== 'is' && operator !== 'in')) return
  for (const value of values)
    if (!(operations as readonly unknown[]).includes(value))
      warn(at, 'operation', `"${String(value)}" is no operation${suggestion(String(value), operations)}`)
}

/** The key as it most likely stands in the file; placeOf falls back to its parent. */
function keyOf(name: string, operator: string): string[] {
  return [operator === 'is' ? name : `${name}.${operator}`]
}

function warnOfField(path: FieldPath, topics: readonly TopicName[], at: readonly PropertyKey[], warn: Warn): void {
  const name = path.join('.')
  if (producersOf(name, topics).length > 0) return
  const hint = operatorHint(path) || suggestion(name, knownFields(topics))
  warn(at, 'field', `no source produces "${name}"${hint}`)
}

/** The sources a rule cannot do without: `firehose`, `resources` … Told by lint where they are off. */
export function sourcesNeeded(rule: Rule): ReadonlySet<SourceName> {
  const needed = new Set<SourceName>()
  if (rule.spec.kind === 'composite') return needed
  const unwanted = rule.spec.kind === 'sequence' ? rule.spec.steps.filter(({ isNot }) => isNot) : []
  const conditions = conditionsOf(rule).filter((each) => !unwanted.some(({ condition }) => condition === each))
  for (const { path } of ownFields(rule.spec)) {
    const sources = producersOf(path.join('.'), rule.topics)
    if (sources.length === 1 && sources[0]) needed.add(sources[0])
  }
  for (const condition of conditions)
    for (const test of certainTests(condition)) {
      const sources = producersOf(test.path.join('.'), rule.topics)
      // That a field is missing can be said without its source.
      const isAbsence = test.operator === 'exists' && test.values[0] === false
      if (sources.length === 1 && sources[0] && !isAbsence) needed.add(sources[0])
      if (test.path.join('.') === 'amqp.operation' && !isAbsence) needed.add(sourceOfOperations(test.values))
    }
  return needed
}

/** Publishes and deliveries are seen by the firehose alone, purges in the access log, the rest by the event exchange. */
function sourceOfOperations(values: ReadonlyArray<string | number | boolean>): SourceName {
  const isAll = (...names: readonly string[]) => values.every((value) => names.includes(String(value)))
  return isAll('basic.publish', 'basic.deliver') ? 'firehose' : isAll('queue.purge') ? 'log-files' : 'events'
}

/** Tests without which the condition cannot hold. */
function certainTests(condition: Condition): ReturnType<typeof testsOf> {
  if (condition.kind === 'test') return [condition]
  return condition.kind === 'all' ? condition.parts.flatMap(certainTests) : []
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** What can be said only of all rules together: ids used twice, composites and inhibitions of rules that are not there. */
export function checkTogether(
  rules: readonly Rule[],
  // Of a few files alone it is not known which rules the others hold; those with errors are told of by themselves.
  { isWhole = true, broken = [] }: { readonly isWhole?: boolean; readonly broken?: readonly string[] } = {},
): Array<{ rule: Rule; code: string; message: string; severity: 'error' | 'warning' }> {
  const first = new Map<string, Rule>()
  const found: Array<{ rule: Rule; code: string; message: string; severity: 'error' | 'warning' }> = []
  for (const rule of rules) {
    const other = first.get(rule.id)
    if (other) {
      const { file, line, column } = other.place
      found.push({
        rule,
        code: 'duplicate-id',
        message: `id "${rule.id}" is already used at ${file}:${line}:${column}`,
        severity: 'error',
      })
    } else first.set(rule.id, rule)
  }
  const ids = [...first.keys()]
  for (const rule of rules) {
    const members = rule.spec.kind === 'composite' ? [...rule.spec.allOf, ...rule.spec.anyOf] : []
    for (const id of members) {
      const member = first.get(id)
      const say = (message: string) => found.push({ rule, code: 'needs', message, severity: 'error' })
      if (!member) {
        if (isWhole && !broken.includes(id)) say(`no rule "${id}"${suggestion(id, ids)}`)
      } else if (member.stage === 'off' && rule.stage !== 'off')
        say(`rule "${id}" is off: its alerts can never be part of this`)
      else if (member.spec.kind === 'composite') say(`rule "${id}" is a composite itself`)
      else {
        const names = member.groupBy.map(({ name }) => name)
        for (const { name } of rule.groupBy)
          if (!names.includes(name)) say(`groupBy "${name}" is not in the groupBy of rule "${id}"`)
      }
    }
    for (const id of rule.inhibits?.rules ?? [])
      if (isWhole && !first.has(id) && !broken.includes(id))
        found.push({ rule, code: 'inhibits', message: `no rule "${id}"${suggestion(id, ids)}`, severity: 'warning' })
  }
  return found
}
