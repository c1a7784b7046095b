import { z } from 'zod'
import { duration } from '../../runtime/config/values.ts'
import { severities } from '../transition.ts'
import { knownFields } from './known-fields.ts'

/** The rule file as people write it. `where` and the like are checked by condition.ts, which knows better words. */

const text = z.string().min(1)
const names = z.array(text).min(1)
const topic = z.enum(['APP', 'AMQP', 'METRIC', 'THUMP'])
const topics = z.union([topic, z.array(topic).min(1)])
const fields = knownFields(['APP', 'AMQP', 'METRIC', 'THUMP'])
  .filter((name) => !name.endsWith('*'))
  .toSorted()
/** Editors offer the fields that sources produce; any other text is allowed. */
const field = text.meta({ description: 'Path of a field', anyOf: [{ enum: fields }, { type: 'string' }] } as never)
const fieldList = z.array(field).min(1)
const condition = z.unknown().meta({
  description: 'A map is AND, a list is OR; any: all: not: nest; operators are suffixes: message.contains',
  type: ['object', 'array'],
  properties: Object.fromEntries([...fields, 'any', 'all', 'not'].map((name) => [name, true])),
} as never)
const longestMs = 3_660 * 86_400_000
const tooLong = 'must be at most ten years'
const span = duration.refine((ms) => ms <= longestMs, tooLong)
const positive = span.refine((ms) => ms > 0, 'must be longer than nothing')
const limits = {
  gt: z.number().optional(),
  gte: z.number().optional(),
  lt: z.number().optional(),
  lte: z.number().optional(),
}
const key = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
])
const weekdays = z.union([z.string(), z.array(z.string())])

export const calendarSchema = z.strictObject({
  days: weekdays.optional().meta({ description: 'mon-fri, or mon,wed, or a list', examples: ['mon-fri'] }),
  hours: z
    .union([z.string(), z.array(z.string()).min(1)])
    .optional()
    .meta({ examples: ['08:00-20:00'] }),
  tz: z
    .string()
    .optional()
    .meta({ examples: ['Asia/Seoul'] }),
  holidays: z
    .string()
    .optional()
    .meta({ description: 'A country whose public holidays are outside', examples: ['kr'] }),
})

const telling = {
  severity: z.enum(severities).optional().meta({ description: 'Default: warning. Routes look at it' }),
  owner: text.optional().meta({ description: 'Who must know; routes look at it' }),
  labels: z.record(z.string(), z.string()).optional(),
  stage: z
    .enum(['live', 'shadow', 'off'])
    .optional()
    .meta({ description: 'shadow evaluates and records but tells nobody' }),
  active: calendarSchema.optional(),
  notify: names
    .optional()
    .meta({ description: 'Channels. In a rule: instead of routes; in defaults: where no route matches' }),
  repeat: positive.optional().meta({ description: 'Told again after this while it fires' }),
  throttle: z.strictObject({ first: positive, doubleUntil: positive.optional() }).optional().meta({
    description:
      'The next alert of the same key is told this long after the last at the earliest; the wait doubles up to doubleUntil',
  }),
  digest: z
    .strictObject({
      wait: span.optional(),
      every: positive.optional(),
      maxItems: z.number().int().min(1).max(1000).optional(),
    })
    .optional(),
  allowedLateness: span
    .optional()
    .meta({ description: 'How late events may come. Default: alerting.allowedLateness (30s)' }),
  runbook: z.string().optional().meta({ description: 'What to do, or a link to it' }),
}

const testEvent = z.looseObject({
  at: span,
  topic: topic.optional(),
  repeat: z.number().int().min(1).max(100_000).optional(),
  every: span.optional(),
})
const expectation = z.strictObject({
  at: span.optional(),
  key: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  state: z.enum(['firing', 'resolved']).default('firing'),
})
export const ruleTestSchema = z.strictObject({
  name: text,
  start: z.string().optional(),
  events: z.array(testEvent).default([]),
  advance: span.optional(),
  expect: z.array(expectation).default([]),
})
export type RuleTest = z.output<typeof ruleTestSchema>

export const common = {
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'an id is letters, digits, . _ and -, at most 100')
    .meta({ description: 'The key of its state: renaming a rule forgets its open alerts' }),
  topic: topics.optional().meta({ description: 'APP, AMQP, METRIC, THUMP: one or a list' }),
  where: condition.optional(),
  groupBy: z.union([field, fieldList]).optional().meta({
    description: 'One window and one alert for each value of these fields; an event without one is skipped and counted',
  }),
  summary: text.optional().meta({ description: 'One line, with {{fields}} of the event, {{count}}, {{key}}' }),
  description: text.optional().meta({ description: 'What it means; a template too' }),
  inhibits: z
    .strictObject({ rules: names, equal: z.array(field).default([]) })
    .optional()
    .meta({ description: 'While this fires, alerts of those rules are not told where the fields of equal are equal' }),
  maxKeys: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .meta({ description: 'Keys kept at once (100,000); the stalest go first and are counted' }),
  falsePositives: text.optional().meta({ description: 'When this fires without cause, for those who read the rule' }),
  tests: z.array(ruleTestSchema).optional().meta({ description: 'Run by thump rules test, on a virtual clock' }),
  ...telling,
}

/** Each type's own keys. */
export const typeSchemas = {
  match: { resolveWhen: condition.optional(), quiet: span.optional() },
  count: { count: z.strictObject({ ...limits, within: positive, expectKeys: z.array(key).optional() }) },
  absence: { absence: z.strictObject({ for: positive, expectKeys: z.array(key).optional() }) },
  spike: {
    spike: z.strictObject({
      direction: z.enum(['up', 'down', 'both']).default('up'),
      ratio: z.number().gt(1),
      window: positive,
      minReference: z.number().min(1).default(1),
      minCurrent: z.number().min(0).default(0),
    }),
  },
  change: { change: z.strictObject({ field }) },
  newValue: { newValue: z.strictObject({ fields: fieldList, remember: positive, learn: span.default(0) }) },
  distinct: { distinct: z.strictObject({ field, ...limits, within: positive }) },
  ratio: {
    ratio: z.strictObject({ of: condition, ...limits, within: positive, minTotal: z.number().int().min(1).default(1) }),
  },
  metric: {
    metric: z.strictObject({
      field: text,
      op: z.enum(['avg', 'min', 'max', 'sum', 'p95', 'rate']).default('avg'),
      ...limits,
      within: positive,
      for: span.default(0),
    }),
  },
  sequence: {
    steps: z
      .array(
        z.strictObject({
          where: condition.optional(),
          not: condition.optional(),
          topic: topics.optional(),
          name: text.optional(),
        }),
      )
      .min(2)
      .max(16),
    within: positive,
    ordered: z.boolean().default(true),
  },
  composite: {
    needs: z.strictObject({
      allOf: names.optional(),
      anyOf: names.optional(),
      atLeast: z.number().int().min(1).optional(),
    }),
    within: span.default(0),
  },
} as const
export type RuleType = keyof typeof typeSchemas
export const ruleTypes = Object.keys(typeSchemas) as RuleType[]

const variant = <T extends RuleType>(type: T) =>
  z.strictObject({ type: z.literal(type), ...common, ...typeSchemas[type] } as unknown as {
    type: z.ZodLiteral<T>
  } & typeof common &
    (typeof typeSchemas)[T])

export const ruleSchema = z.discriminatedUnion('type', [
  variant('match'),
  variant('count'),
  variant('absence'),
  variant('spike'),
  variant('change'),
  variant('newValue'),
  variant('distinct'),
  variant('ratio'),
  variant('metric'),
  variant('sequence'),
  variant('composite'),
])
export type RuleInput = z.output<typeof ruleSchema>

export const defaultsSchema = z.strictObject(telling)
export const ruleFileSchema = z.strictObject({
  defaults: defaultsSchema.optional(),
  rules: z.array(ruleSchema),
})

/** Without touching a packaged file: by rule id, merged over the rule. */
export const overrideSchema = z.strictObject({
  ...telling,
  summary: text.optional(),
  description: text.optional(),
  maxKeys: z.number().int().min(1).optional(),
  where: condition.optional(),
  count: z.looseObject({}).optional(),
  absence: z.looseObject({}).optional(),
  spike: z.looseObject({}).optional(),
  newValue: z.looseObject({}).optional(),
  distinct: z.looseObject({}).optional(),
  ratio: z.looseObject({}).optional(),
  metric: z.looseObject({}).optional(),
  quiet: span.optional(),
  within: span.optional(),
})

/** For editors: `# yaml-language-server: $schema=./rules.schema.json`. */
export function rulesJsonSchema(): unknown {
  return z.toJSONSchema(ruleFileSchema, { io: 'input', target: 'draft-07', unrepresentable: 'any', reused: 'ref' })
}

/** The same for the overrides file: a map of rule ids. */
export function overridesJsonSchema(): unknown {
  return z.toJSONSchema(z.record(z.string(), overrideSchema), {
    io: 'input',
    target: 'draft-07',
    unrepresentable: 'any',
    reused: 'ref',
  })
}
