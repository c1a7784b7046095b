import { createHash } from 'node:crypto'
import { suggestion } from '../../runtime/config/suggest.ts'
import type { TopicName } from '../../event/topics.ts'
import type { Calendar, KeyValue } from '../transition.ts'
import { isTimeZone, knowsHolidays, parseDays, parseHours } from './calendar.ts'
import { type Complaint, type Condition, type ConditionContext, parseCondition } from './condition.ts'
import { fieldPath } from './field.ts'
import { type Bound, isEager, type Place, type Rule, type Spec, type Step } from './rule.ts'
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

function complain(
  context: ConditionContext,
  path: readonly PropertyKey[],
  code: string,
  message: string,
  severity: Complaint['severity'] = 'error',
): void {
  context.complain({ path, code, message, severity })
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

function compileSpec(
  input: RuleInput,
  topics: readonly TopicName[],
  groupBy: Rule['groupBy'],
  context: CompileContext,
): Spec {
  switch (input.type) {
    case 'match': {
      const resolveWhen =
        input.resolveWhen === undefined ? undefined : parseCondition(input.resolveWhen, ['resolveWhen'], context)
      const quietMs = input.quiet ?? (resolveWhen ? undefined : 300_000)
      return { kind: 'match', ...(resolveWhen && { resolveWhen }), ...(quietMs !== undefined && { quietMs }) }
    }
    case 'count': {
      const bound = compileBound(input.count, ['count'], context)
      return {
        kind: 'count',
        bound,
        withinMs: input.count.within,
        expectKeys: expected(input.count.expectKeys, ['count'], groupBy, context),
      }
    }
    case 'absence':
      return {
        kind: 'absence',
        forMs: input.absence.for,
        expectKeys: expected(input.absence.expectKeys, ['absence'], groupBy, context),
      }
    case 'spike': {
      const { window, ...spike } = input.spike
      return { kind: 'spike', ...spike, windowMs: window }
    }
    case 'change':
      return { kind: 'change', field: fieldPath(input.change.field) }
    case 'newValue': {
      const { fields, remember, learn } = input.newValue
      return { kind: 'newValue', fields: fields.map(fieldPath), rememberMs: remember, learnMs: learn }
    }
    case 'distinct':
      return {
        kind: 'distinct',
        field: fieldPath(input.distinct.field),
        bound: compileBound(input.distinct, ['distinct'], context),
        withinMs: input.distinct.within,
      }
    case 'ratio': {
      const { of, within, minTotal } = input.ratio
      return {
        kind: 'ratio',
        of: parseCondition(of, ['ratio', 'of'], context),
        bound: compileBound(input.ratio, ['ratio'], context),
        withinMs: within,
        minTotal,
      }
    }
    case 'metric': {
      const { field, op, within, for: forMs } = input.metric
      const [dividend = '', divisor, extra] = field.split(' / ').map((part) => part.trim())
      if (extra !== undefined || dividend === '' || divisor === '')
        complain(context, ['metric', 'field'], 'metric', 'field is one path, or two as a / b')
      return {
        kind: 'metric',
        field: fieldPath(dividend),
        ...(divisor !== undefined && { divisor: fieldPath(divisor) }),
        op,
        bound: compileBound(input.metric, ['metric'], context),
        withinMs: within,
        forMs,
      }
    }
    case 'sequence':
      return compileSequence(input, topics, context)
    case 'composite':
      return compileComposite(input, context)
  }
}

function compileBound(
  input: { gt?: number | undefined; gte?: number | undefined; lt?: number | undefined; lte?: number | undefined },
  path: readonly PropertyKey[],
  context: ConditionContext,
): Bound {
  const given = (['gt', 'gte', 'lt', 'lte'] as const).filter((name) => input[name] !== undefined)
  const operator = given[0]
  if (given.length !== 1 || operator === undefined) {
    complain(
      context,
      path,
      'bound',
      given.length === 0 ? 'a bound is missing: gt, gte, lt or lte' : `one bound, not ${given.join(' and ')}`,
    )
    return { operator: 'gte', value: Number.POSITIVE_INFINITY }
  }
  return { operator, value: input[operator] as number }
}

function expected(
  keys: ReadonlyArray<KeyValue | Record<string, KeyValue>> | undefined,
  path: readonly PropertyKey[],
  groupBy: Rule['groupBy'],
  context: ConditionContext,
): ReadonlyArray<readonly KeyValue[]> {
  return (keys ?? []).map((key, index) => {
    const at = [...path, 'expectKeys', index]
    const names = groupBy.map(({ name }) => name)
    if (typeof key !== 'object') {
      if (names.length !== 1)
        complain(
          context,
          at,
          'key',
          `with ${names.length || 'no'} groupBy fields a key is a map of ${names.join(', ') || 'nothing: add groupBy'}`,
        )
      return [key]
    }
    for (const name of names) if (!(name in key)) complain(context, at, 'key', `the key lacks ${name}`)
    for (const name of Object.keys(key))
      if (!names.includes(name)) complain(context, at, 'key', `"${name}" is not in groupBy${suggestion(name, names)}`)
    return names.map((name) => key[name] ?? '')
  })
}

function compileSequence(
  input: RuleInput & { type: 'sequence' },
  topics: readonly TopicName[],
  context: ConditionContext,
): Spec {
  const steps = input.steps.map((step, index): Step => {
    const path = ['steps', index]
    if ((step.where === undefined) === (step.not === undefined))
      complain(context, path, 'step', 'a step has either where or not')
    const isNot = step.not !== undefined
    const condition: Condition = parseCondition(
      isNot ? step.not : step.where,
      [...path, isNot ? 'not' : 'where'],
      context,
    )
    return { condition, isNot, topics: step.topic === undefined ? topics : [step.topic].flat() }
  })
  if (steps.every(({ isNot }) => isNot))
    complain(context, ['steps'], 'step', 'at least one step must be an event, not its absence')
  if (!input.ordered && steps.some(({ isNot }) => isNot))
    complain(context, ['ordered'], 'step', 'a step with not needs ordered: true')
  return { kind: 'sequence', steps, withinMs: input.within, isOrdered: input.ordered }
}

function compileComposite(input: RuleInput & { type: 'composite' }, context: ConditionContext): Spec {
  const { allOf = [], anyOf = [], atLeast } = input.needs
  if (allOf.length + anyOf.length === 0) complain(context, ['needs'], 'needs', 'needs names rules in allOf or anyOf')
  if (atLeast !== undefined && atLeast > anyOf.length)
    complain(
      context,
      ['needs', 'atLeast'],
      'needs',
      `atLeast ${atLeast} of ${anyOf.length} rules in anyOf can never hold`,
    )
  if (input.where !== undefined)
    complain(context, ['where'], 'where', 'a composite looks at alerts, not events: where belongs into its members')
  return { kind: 'composite', allOf, anyOf, ...(atLeast !== undefined && { atLeast }), withinMs: input.within }
}

function compileCalendar(input: NonNullable<RuleInput['active']>, context: CompileContext): Calendar {
  const days = input.days === undefined ? undefined : parseDays(input.days)
  if (input.days !== undefined && !days)
    complain(context, ['active', 'days'], 'calendar', 'days are mon-fri, or mon,wed, or a list')
  const hours = input.hours === undefined ? undefined : [input.hours].flat().map(parseHours)
  if (hours?.includes(undefined)) complain(context, ['active', 'hours'], 'calendar', 'hours are written "08:00-20:00"')
  const tz = input.tz ?? context.timezone
  const isZone = isTimeZone(tz)
  if (!isZone) complain(context, ['active', 'tz'], 'calendar', `"${tz}" is not a time zone; write it as Asia/Seoul`)
  const { holidays } = input
  if (holidays !== undefined && !knowsHolidays(holidays))
    complain(
      context,
      ['active', 'holidays'],
      'calendar',
      `no holidays are known for "${holidays}"; write a country as kr`,
    )
  return {
    ...(days && { days }),
    ...(hours && { hours: hours.filter((range) => range !== undefined) }),
    tz: isZone ? tz : 'UTC',
    ...(holidays !== undefined && knowsHolidays(holidays) && { holidays }),
  }
}
