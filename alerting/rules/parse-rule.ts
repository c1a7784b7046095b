import type { z } from 'zod'
import { suggestion } from '../../runtime/config/suggest.ts'
import type { TopicName } from '../../event/topics.ts'
import { compileRule } from './compile-rule.ts'
import { type Complaint, parseCondition } from './condition.ts'
import { warnOf, warnOfCondition } from './lint.ts'
import type { Rule } from './rule.ts'
import type { Overrides, RuleDocument } from './rule-document.ts'
import { type defaultsSchema, type RuleInput, ruleSchema, ruleTypes } from './schema.ts'

export interface ParseContext {
  readonly allowedLatenessMs: number
  readonly timezone: string
  /** The words of a dictionary beside the rule file. */
  readonly keywords: (file: string) => readonly string[] | undefined
  readonly overrides?: Overrides
}

/** One item of `rules`; undefined where it has an error. */
export function parseRule(
  item: unknown,
  path: readonly PropertyKey[],
  defaults: z.output<typeof defaultsSchema>,
  reader: RuleDocument,
  context: ParseContext,
): Rule | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    reader.report(path, 'rule', 'a rule is a map with id, type, topic and where')
    return undefined
  }
  const raw = item as Record<string, unknown>
  const before = reader.errorCount
  const id = typeof raw['id'] === 'string' ? raw['id'] : ''
  const override = Object.hasOwn(context.overrides?.values ?? {}, id) ? context.overrides?.values[id] : undefined
  reader.overlay = override &&
    context.overrides && { overrides: context.overrides, id, keys: Object.keys(override), depth: path.length }
  const overridden = merge(raw, override)
  const checked = checkRule(overridden, path, reader)
  if (!checked) {
    // What is wrong elsewhere must not hide what is wrong in its conditions.
    checkConditions(overridden, path, reader, context)
    return undefined
  }
  const { notify, ...rest } = defaults
  const given = Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined))
  const input = { ...rest, ...given } as RuleInput
  const place = { file: reader.file, ...reader.placeOf([...path, 'id']) }
  const complain = (complaint: Complaint) =>
    reader.report([...path, ...complaint.path], complaint.code, complaint.message, complaint.severity)
  const rule = compileRule(input, { ...context, place, complain, ...(notify && { notifyDefault: notify }) })
  for (const complaint of warnOf(rule, input)) complain(complaint)
  if (reader.errorCount > before) return undefined
  return { ...rule, testLines: rule.tests.map((_, index) => reader.placeOf([...path, 'tests', index]).line) }
}

function checkRule(
  value: Record<string, unknown>,
  path: readonly PropertyKey[],
  reader: RuleDocument,
): RuleInput | undefined {
  const type = value['type']
  if (typeof type !== 'string' || !(ruleTypes as readonly string[]).includes(type)) {
    const hint = typeof type === 'string' ? suggestion(type, ruleTypes) : ''
    reader.report(
      [...path, 'type'],
      'type',
      type === undefined
        ? `type is required: ${ruleTypes.join(', ')}`
        : `unknown type "${typeof type === 'string' ? type : JSON.stringify(type)}"${hint || `; known: ${ruleTypes.join(', ')}`}`,
    )
    return undefined
  }
  return reader.check(ruleSchema, value, path)
}

/** The conditions of a rule that is no whole one. */
function checkConditions(
  raw: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  reader: RuleDocument,
  { keywords }: ParseContext,
): void {
  const complain = (complaint: Complaint) =>
    reader.report([...path, ...complaint.path], complaint.code, complaint.message, complaint.severity)
  const topics = [raw['topic']].flat().filter((topic) => isTopic(topic))
  const check = (value: unknown, at: readonly PropertyKey[]) => {
    if (value === undefined) return
    const condition = parseCondition(value, at, { complain, keywords })
    if (topics.length > 0) warnOfCondition(condition, topics, at, complain)
  }
  for (const key of ['where', 'resolveWhen']) check(raw[key], [key])
  const steps: readonly unknown[] = Array.isArray(raw['steps']) ? raw['steps'] : []
  steps.forEach((step, index) => {
    if (isPlainMap(step)) for (const key of ['where', 'not']) check(step[key], ['steps', index, key])
  })
}

function isTopic(value: unknown): value is TopicName {
  return value === 'APP' || value === 'AMQP' || value === 'METRIC' || value === 'THUMP'
}

const bounds = ['gt', 'gte', 'lt', 'lte']

/** Overrides replace keys; a map of bounds is merged, so that one bound can be tuned alone: the new one takes the old one's place. */
function merge(
  raw: Record<string, unknown>,
  override: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const merged = { ...raw }
  for (const [key, value] of Object.entries(override ?? {})) {
    const old = raw[key]
    if (key === 'where' || !isPlainMap(value) || !isPlainMap(old)) merged[key] = value
    else {
      const isRebound = bounds.some((bound) => bound in value)
      const kept = Object.entries(old).filter(([name]) => !(isRebound && bounds.includes(name)))
      merged[key] = { ...Object.fromEntries(kept), ...value }
    }
  }
  return merged
}

export function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
