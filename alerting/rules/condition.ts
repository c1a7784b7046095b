import ipaddr from 'ipaddr.js'
import { suggestion } from '../../runtime/config/suggest.ts'
import type { FieldPath } from './field.ts'
import { foldText, normalText, plainAddress } from './text.ts'
import { checkPattern } from './pattern.ts'

export const operators = [
  'contains',
  'starts',
  'ends',
  'regex',
  'in',
  'gt',
  'gte',
  'lt',
  'lte',
  'cidr',
  'exists',
  'keywordsFile',
] as const
export type Operator = (typeof operators)[number] | 'is'

/** What `where` says, checked: texts are already folded unless cased. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | Test

export interface Test {
  readonly kind: 'test'
  readonly path: FieldPath
  readonly operator: Operator
  /** Any of them satisfies. */
  readonly values: ReadonlyArray<string | number | boolean>
  readonly isCased: boolean
}

/** One complaint, at a path below the condition's own. */
export interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly code: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

export interface ConditionContext {
  readonly complain: (complaint: Complaint) => void
  /** The words of a dictionary file, one a line; undefined where it cannot be read. */
  readonly keywords: (file: string) => readonly string[] | undefined
}

const everything: Condition = { kind: 'all', parts: [] }
const maxDepth = 50

/** `where` absent = every event of the topic. */
export function parseCondition(
  value: unknown,
  path: readonly PropertyKey[],
  context: ConditionContext,
  depth = 0,
): Condition {
  const refuse = (message: string, code = 'where'): Condition => {
    context.complain({ path, code, message, severity: 'error' })
    return everything
  }
  if (value === undefined) return everything
  if (depth > maxDepth) return refuse(`nested deeper than ${maxDepth} levels`)
  if (Array.isArray(value)) {
    if (value.length === 0)
      return refuse('an empty list satisfies nothing; leave the key out or name a condition', 'empty')
    return join(
      'any',
      value.map((item, index) => parseCondition(item, [...path, index], context, depth + 1)),
    )
  }
  if (typeof value !== 'object' || value === null)
    return refuse('a condition is a map of fields, or a list of such maps')
  const entries = Object.entries(value)
  if (entries.length === 0)
    return refuse('an empty map is no condition; leave the key out to take every event', 'empty')
  return join(
    'all',
    entries.map(([key, item]) => parseEntry(key, item, [...path, key], context, depth)),
  )
}

function parseEntry(
  key: string,
  value: unknown,
  path: readonly PropertyKey[],
  context: ConditionContext,
  depth: number,
): Condition {
  if (key === 'not') return { kind: 'not', part: parseCondition(value, path, context, depth + 1) }
  if (key === 'any' || key === 'all') {
    if (!Array.isArray(value) || value.length === 0) {
      context.complain({ path, code: 'where', message: `${key} takes a list of conditions`, severity: 'error' })
      return everything
    }
    return join(
      key,
      value.map((item, index) => parseCondition(item, [...path, index], context, depth + 1)),
    )
  }
  return parseTest(key, value, path, context)
}

function join(kind: 'all' | 'any', parts: readonly Condition[]): Condition {
  return parts.length === 1 && parts[0] ? parts[0] : { kind, parts }
}

/** `user.name.contains.cased` → path, operator, cased. `"[labels.in].contains"` keeps the field's own words. */
export function splitField(key: string): { path: FieldPath; operator: Operator; isCased: boolean } {
  const bracketed = /^\[([^\]]+)\](?:\.(.+))?$/.exec(key)
  const path = bracketed ? (bracketed[1] as string).split('.') : key.split('.')
  const suffix = bracketed ? (bracketed[2]?.split('.') ?? []) : path
  const isCased = suffix.length > (bracketed ? 0 : 1) && suffix.at(-1) === 'cased'
  if (isCased) suffix.pop()
  const last = suffix.at(-1) as Operator | undefined
  const isOperator = suffix.length > (bracketed ? 0 : 1) && (operators as readonly unknown[]).includes(last)
  if (isOperator) suffix.pop()
  return {
    path: bracketed ? [...path, ...suffix] : suffix,
    operator: isOperator && last ? last : 'is',
    isCased,
  }
}

function parseTest(key: string, value: unknown, path: readonly PropertyKey[], context: ConditionContext): Condition {
  const { path: field, operator, isCased } = splitField(key)
  const refuse = (message: string, code = 'where'): Condition => {
    context.complain({ path, code, message, severity: 'error' })
    return everything
  }
  if (field.length === 1 && operator === 'is' && key === field[0] && (operators as readonly string[]).includes(key))
    return refuse(`"${key}" is an operator: write it behind a field, as message.${key}`)
  if (field.some((part) => part === '')) return refuse(`"${key}" is no field path`)
  if (Array.isArray(value) && value.length === 0) return refuse('an empty list satisfies nothing', 'empty')
  if (operator === 'keywordsFile') {
    const words = typeof value === 'string' ? context.keywords(value) : undefined
    if (!words) return refuse(`keywords file ${String(value)} cannot be read`, 'keywords')
    if (words.length === 0) return refuse(`keywords file ${String(value)} holds no keyword`, 'keywords')
    return { kind: 'test', path: field, operator, values: words.map(isCased ? normalText : foldText), isCased }
  }
  const values = Array.isArray(value) ? value : [value]
  for (const item of values) {
    const problem = checkValue(operator, item)
    if (problem) return refuse(problem.message, problem.code)
  }
  return {
    kind: 'test',
    path: field,
    operator,
    values: values.map((item) => prepare(operator, item as string, isCased)),
    isCased,
  }
}

function checkValue(operator: Operator, value: unknown): { message: string; code: string } | undefined {
  const wrong = (message: string, code = 'type') => ({ message, code })
  switch (operator) {
    case 'exists':
      return typeof value === 'boolean' ? undefined : wrong('exists takes true or false')
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : wrong(`${operator} takes a number`)
    case 'contains':
    case 'starts':
    case 'ends':
      return typeof value === 'string' && value !== '' ? undefined : wrong(`${operator} takes text that is not empty`)
    case 'cidr':
      return isCidr(value)
        ? undefined
        : wrong(`"${String(value)}" is no network; write it as 10.0.0.0/8 or fd00::/8`, 'cidr')
    case 'regex':
      return checkPattern(value)
    default:
      if (value === null) return wrong('a null never matches; write .exists: false')
      return ['string', 'number', 'boolean'].includes(typeof value)
        ? undefined
        : wrong('a field is compared with text, a number, true or false, or a list of these')
  }
}

function prepare(operator: Operator, value: string | number | boolean, isCased: boolean): string | number | boolean {
  if (typeof value !== 'string' || operator === 'regex' || operator === 'cidr') return value
  const plain = plainAddress(value)
  return isCased ? normalText(plain) : foldText(plain)
}

function isCidr(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    return ipaddr.isValid(value) || ipaddr.parseCIDR(value).length === 2
  } catch {
    return false
  }
}

/** Every test of a condition. */
export function testsOf(condition: Condition): Test[] {
  if (condition.kind === 'test') return [condition]
  return condition.kind === 'not' ? testsOf(condition.part) : condition.parts.flatMap(testsOf)
}

/** `"contians" is no operator` as a hint, where the last segment is within two letters of one. */
export function operatorHint(path: FieldPath): string {
  const last = path.at(-1) ?? ''
  return path.length > 1 && last.length > 2 ? suggestion(last, operators) : ''
}
