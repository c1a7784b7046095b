import { isMap, isSeq } from 'yaml'
import { z } from 'zod'
import { isPlain } from '../../runtime/config/issue-words.ts'
import { suggestion } from '../../runtime/config/suggest.ts'
import { common, ruleTypes, typeSchemas } from './schema.ts'

/** Where a complaint goes, and what stands there. */
export interface ExplainedDocument {
  at(path: readonly PropertyKey[]): unknown
  report(path: readonly PropertyKey[], code: string, message: string): void
}

/** Says what is wrong in the words of the file. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  path: readonly PropertyKey[],
  schema: z.ZodType,
  document: ExplainedDocument,
): void {
  const report = (at: readonly PropertyKey[], code: string, message: string) => document.report(at, code, message)
  const at = [...path, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path, document.at([...path, 'type']))
    const parent = issue.path.filter((part) => typeof part === 'string').at(-1)
    for (const key of issue.keys)
      report(
        [...at, key],
        'unknown-key',
        `unknown key "${key}"${parent === undefined ? '' : ` in ${String(parent)}`}${(parent === undefined && elsewhere(key, at)) || suggestion(key, known) || meant(key, known) || onlyMissing(known)}`,
      )
  } else if (issue.code === 'invalid_union' && issue.input !== undefined && isPlain(issue)) {
    const flat = issue.errors.flat()
    const deepest = flat.toSorted((a, b) => b.path.length - a.path.length)[0]
    const meant =
      deepest && deepest.path.length > 0
        ? deepest
        : (flat.find(({ code }) => code === 'invalid_value') ?? flat.find(({ code }) => code === 'invalid_type'))
    if (meant)
      explainIssue({ ...meant, path: [...issue.path, ...meant.path] } as z.core.$ZodIssue, path, schema, document)
    else report(at, 'type', deepest?.message ?? issue.message)
  } else if (issue.code !== 'custom' && issue.input === undefined) {
    report(at, 'missing', `${String(issue.path.at(-1) ?? 'a value')} is required`)
  } else if (issue.code === 'invalid_value') {
    const known = issue.values.map(String)
    const given = shown(document.at(at))
    report(at, 'type', `${given} is none of ${known.join(', ')}${suggestion(given.replaceAll('"', ''), known)}`)
  } else {
    const message = isPlain(issue) ? `${String(issue.path.at(-1))} ${issue.message}` : issue.message
    report(at, issue.code === 'custom' ? 'value' : 'type', message)
  }
}

function shown(value: unknown): string {
  if (isMap(value)) return 'a map'
  if (isSeq(value)) return 'a list'
  return JSON.stringify(value) ?? 'nothing'
}

/** The keys that may stand where the unknown one stood. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[], type: unknown): string[] {
  let node: unknown = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  for (const step of [undefined, ...path]) {
    const { oneOf, anyOf } = (node ?? {}) as { oneOf?: unknown[]; anyOf?: unknown[] }
    const variants = oneOf ?? anyOf
    if (variants)
      node =
        variants.find(
          (item) => (item as { properties?: { type?: { const?: unknown } } }).properties?.type?.const === type,
        ) ?? variants[0]
    if (step === undefined) continue
    const { properties, items } = (node ?? {}) as { properties?: Record<string, unknown>; items?: unknown }
    node = typeof step === 'number' ? items : properties?.[String(step)]
  }
  return Object.keys((node as { properties?: object } | undefined)?.properties ?? {})
}

/** What other rule languages call it. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  within: ['timeframe', 'window', 'period', 'interval', 'timespan'],
  groupBy: ['query_key', 'group-by', 'by', 'partitionBy'],
  where: ['filter', 'query', 'detection', 'condition', 'match'],
  gte: ['num_events', 'threshold', 'min'],
  repeat: ['realert', 'repeat_interval'],
  severity: ['level', 'priority'],
  id: ['name', 'title'],
}

function meant(key: string, known: readonly string[]): string {
  for (const [word, others] of Object.entries(otherWords)) {
    if (known.includes(word) && suggestion(key, others) !== '') return `; did you mean "${word}"?`
  }
  return ''
}

/** A rule's key among the defaults, or another type's among a rule's. */
function elsewhere(key: string, at: readonly PropertyKey[]): string {
  const isDefaults = at[0] === 'defaults'
  if (key === 'within') return '; it stands in the map of the type, as count: {gte: 5, within: 5m}'
  const types = ruleTypes.filter((type) => key in typeSchemas[type])
  if (types.length > 0) return `; it belongs ${isDefaults ? 'into a rule of' : 'to'} type ${types.join(', ')}`
  return isDefaults && key in common ? '; it stands in each rule' : ''
}

/** With few possible keys, naming them is the best suggestion. */
function onlyMissing(known: readonly string[]): string {
  return known.length > 0 && known.length <= 8 ? `; known: ${known.join(', ')}` : ''
}
