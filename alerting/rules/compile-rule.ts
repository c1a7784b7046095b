import { createHash } from 'node:crypto'
import type { TopicName } from '../../event/topics.ts'
import { compileCalendar } from './compile-calendar.ts'
import { compileSpec } from './compile-spec.ts'
import { complain } from './complain.ts'
import { type ConditionContext, parseCondition } from './condition.ts'
import { fieldPath } from './field.ts'
import { isEager, type Place, type Rule, type Spec } from './rule.ts'
import type { RuleInput } from './schema.ts'
import { compileTemplate, type Template } from './template.ts'

export interface CompileContext extends ConditionContext {
  readonly allowedLatenessMs: number
  readonly place: Place
  /** `notify` of the file's defaults. */
  readonly notifyDefault?: readonly string[]
  readonly timezone: string
}

const everyTopic: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']

/** A rule as it runs; what is wrong with it goes to `complain`, all of it. */
export function compileRule(input: RuleInput, context: CompileContext): Rule {
  const topics = input.topic === undefined ? everyTopic : [input.topic].flat()
  if (input.topic === undefined && input.type !== 'composite')
    complain(context, [], 'topic', 'topic is required: APP, AMQP, METRIC or THUMP, one or a list')
  const groupBy = (input.groupBy === undefined ? [] : [input.groupBy].flat()).map((name) => ({
    name,
    path: fieldPath(name),
  }))
  const where = parseCondition(input.where, ['where'], context)
  const spec = compileSpec(input, topics, groupBy, context)
  const { first, doubleUntil } = input.throttle ?? {}
  return {
    id: input.id,
    topics: spec.kind === 'sequence' ? [...new Set(spec.steps.flatMap((step) => step.topics))] : topics,
    where,
    groupBy,
    spec,
    severity: input.severity ?? 'warning',
    stage: input.stage ?? 'live',
    ...(input.owner !== undefined && { owner: input.owner }),
    labels: input.labels ?? {},
    summary: template(input.summary ?? defaultSummary(input), 'summary', context),
    ...(input.description !== undefined && { description: template(input.description, 'description', context) }),
    ...(input.runbook !== undefined && { runbook: input.runbook }),
    ...(input.notify && { notify: input.notify }),
    ...(context.notifyDefault && { notifyDefault: context.notifyDefault }),
    ...(input.repeat !== undefined && { repeatMs: input.repeat }),
    ...(first !== undefined && { throttle: { firstMs: first, doubleUntilMs: doubleUntil ?? first } }),
    ...(input.digest && {
      digest: {
        waitMs: input.digest.wait ?? 30_000,
        everyMs: input.digest.every ?? 300_000,
        maxItems: input.digest.maxItems ?? 20,
      },
    }),
    ...(input.inhibits && { inhibits: { rules: input.inhibits.rules, equal: input.inhibits.equal } }),
    ...(input.active && { active: compileCalendar(input.active, context) }),
    latenessMs: input.allowedLateness ?? context.allowedLatenessMs,
    maxKeys: input.maxKeys ?? 100_000,
    tests: input.tests ?? [],
    place: context.place,
    fingerprint: fingerprint([topics, where, groupBy.map(({ name }) => name), windowsOf(spec)]),
  }
}

const longestFingerprint = 200

function fingerprint(of: unknown): string {
  const text = JSON.stringify(of)
  // A dictionary may be long: its words stand for themselves all the same.
  return text.length <= longestFingerprint ? text : createHash('sha256').update(text).digest('base64url')
}

/** What a kept window means. A bound's number, a quiet time and the like may be edited without a new beginning. */
function windowsOf(spec: Spec): unknown {
  switch (spec.kind) {
    case 'match':
      return [spec.kind, spec.resolveWhen]
    case 'count':
      return [spec.kind, spec.withinMs, isEager(spec.bound)]
    case 'absence':
      return [spec.kind, spec.forMs]
    case 'spike':
      return [spec.kind, spec.windowMs, spec.direction]
    case 'newValue':
      return [spec.kind, spec.fields, spec.rememberMs]
    case 'distinct':
      return [spec.kind, spec.field, spec.withinMs, isEager(spec.bound)]
    case 'ratio':
      return [spec.kind, spec.of, spec.withinMs, isEager(spec.bound)]
    case 'metric':
      return [spec.kind, spec.field, spec.divisor, spec.op, spec.withinMs, spec.forMs, isEager(spec.bound)]
    default:
      return spec
  }
}

function defaultSummary(input: RuleInput): string {
  const fields = [input.groupBy ?? []].flat().map((name) => `${name} {{${name}}}`)
  return [input.id, ...fields].join(' ')
}

function template(source: string, key: string, context: CompileContext): Template {
  try {
    const compiled = compileTemplate(source)
    for (const path of compiled.fields) {
      const [first, second, third = ''] = path
      if (first === 'amqp' && second === 'body' && third !== 'bytes' && third !== 'hmac')
        complain(
          context,
          [key],
          'body',
          `amqp.body.${third} may not leave by a message; amqp.body.bytes and amqp.body.hmac may`,
        )
    }
    return compiled
  } catch (error) {
    complain(context, [key], 'template', `${error instanceof Error ? error.message : String(error)}`)
    return compileTemplate('')
  }
}
