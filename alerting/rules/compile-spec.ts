import { suggestion } from '../../runtime/config/suggest.ts'
import type { TopicName } from '../../event/topics.ts'
import type { KeyValue } from '../transition.ts'
import { complain } from './complain.ts'
import { type Condition, type ConditionContext, parseCondition } from './condition.ts'
import { fieldPath } from './field.ts'
import type { Bound, Rule, Spec, Step } from './rule.ts'
import type { RuleInput } from './schema.ts'

/** What a rule of its type looks for. */
export function compileSpec(
  input: RuleInput,
  topics: readonly TopicName[],
  groupBy: Rule['groupBy'],
  context: ConditionContext,
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
