import { type Document, LineCounter, isMap, isSeq, parseDocument } from 'yaml'
import { z } from 'zod'
import { placeOf } from '../../runtime/config/places.ts'
import { suggestion } from '../../runtime/config/suggest.ts'
import type { Problem } from '../../runtime/errors.ts'
import { compileRule } from './compile-rule.ts'
import type { TopicName } from '../../event/topics.ts'
import { type Complaint, parseCondition } from './condition.ts'
import { warnOf, warnOfCondition } from './lint.ts'
import type { Rule } from './rule.ts'
import { defaultsSchema, overrideSchema, type RuleInput, ruleSchema, ruleTypes } from './schema.ts'

export interface ParseContext {
  readonly allowedLatenessMs: number
  readonly timezone: string
  /** The words of a dictionary beside the rule file. */
  readonly keywords: (file: string) => readonly string[] | undefined
  readonly overrides?: Overrides
}

/** By rule id, merged over the rule before it is checked. What is wrong with one is told where it stands. */
export interface Overrides {
  readonly file: string
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  placeOf(path: readonly PropertyKey[]): { line: number; column: number }
}

export interface ParsedFile {
  readonly file: string
  /** Rules without an error; `off` ones included. */
  readonly rules: readonly Rule[]
  /** Of all rules, with an error or not; undefined where the file cannot be read. */
  readonly ids: readonly string[] | undefined
  /** All of them, in the order of the file. `path` is the code. */
  readonly problems: readonly Problem[]
}

const maxFileBytes = 16 * 2 ** 20

/** One rule file: every problem with its place, every rule that has none. Never throws. */
export function parseRuleFile(file: string, text: string, context: ParseContext): ParsedFile {
  const reader = new FileReader(file, text)
  const rules: Rule[] = []
  const root = reader.root()
  const ids: string[] = []
  if (root) {
    for (const key of Object.keys(root))
      if (key !== 'defaults' && key !== 'rules')
        reader.report([key], 'unknown-key', `unknown key "${key}"${suggestion(key, ['defaults', 'rules'])}`)
    const defaults = reader.check(defaultsSchema, root['defaults'] ?? {}, ['defaults']) ?? {}
    const list = root['rules'] ?? []
    if (!Array.isArray(list)) reader.report(['rules'], 'rules', 'rules is a list')
    else {
      list.forEach((item: unknown, index) => {
        if (isPlainMap(item) && typeof item['id'] === 'string') ids.push(item['id'])
        const rule = parseRule(item, ['rules', index], defaults, reader, context)
        if (rule) rules.push(rule)
      })
    }
  }
  return { file, rules, ids: root && ids, problems: reader.problems() }
}

function parseRule(
  item: unknown,
  path: readonly PropertyKey[],
  defaults: z.output<typeof defaultsSchema>,
  reader: FileReader,
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
  reader.overlay = override && context.overrides && { overrides: context.overrides, id, keys: Object.keys(override) }
  const overridden = merge(raw, override)
  const checked = reader.checkRule(overridden, path)
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

/** The conditions of a rule that is no whole one. */
function checkConditions(
  raw: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  reader: FileReader,
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

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The overrides file: `id: {stage, severity, bounds …}`. */
export function parseOverrides(file: string, text: string): { overrides: Overrides; problems: readonly Problem[] } {
  const reader = new FileReader(file, text)
  const values: Record<string, Record<string, unknown>> = {}
  for (const [id, value] of Object.entries(reader.root('the file is a map of rule ids') ?? {})) {
    if (reader.check(overrideSchema, value, [id])) values[id] = value as Record<string, unknown>
  }
  const placeOf = (path: readonly PropertyKey[]) => reader.placeOf(path)
  return { overrides: { file, values, placeOf }, problems: reader.problems() }
}

/** A YAML document with its places and what is wrong with it. */
class FileReader {
  readonly file: string
  readonly #document: Document
  readonly #lines = new LineCounter()
  readonly #problems: Problem[] = []
  errorCount = 0
  /** While a rule is read that is overridden: what is wrong with these keys stands in the overrides file. */
  overlay: { readonly overrides: Overrides; readonly id: string; readonly keys: readonly string[] } | undefined

  constructor(file: string, text: string) {
    this.file = file
    const document = text.length > maxFileBytes ? undefined : parseSafely(text, this.#lines)
    this.#document = document ?? parseDocument('')
    if (!document) this.report([], 'yaml', 'the file is larger than 16 MiB or nested too deep to be a rule file')
    for (const error of this.#document.errors) {
      const { line, col } = this.#lines.linePos(error.pos[0])
      this.#push(line, col, 'yaml', error.message, 'error')
    }
  }

  root(shape = 'the file is a map with defaults and rules'): Record<string, unknown> | undefined {
    if (this.errorCount > 0) return undefined
    if (this.#document.contents === null) return {}
    if (!isMap(this.#document.contents)) {
      this.report([], 'yaml', shape)
      return undefined
    }
    try {
      return this.#document.toJS({ maxAliasCount: 100 }) as Record<string, unknown>
    } catch {
      this.report([], 'yaml', 'too many aliases')
      return undefined
    }
  }

  placeOf(path: readonly PropertyKey[]): { line: number; column: number } {
    return placeOf(this.#document, this.#lines, path)
  }

  check<S extends z.ZodType>(schema: S, value: unknown, path: readonly PropertyKey[]): z.output<S> | undefined {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    for (const issue of result.error.issues) this.#explain(issue, path, schema)
    return undefined
  }

  checkRule(value: Record<string, unknown>, path: readonly PropertyKey[]): RuleInput | undefined {
    const type = value['type']
    if (typeof type !== 'string' || !(ruleTypes as readonly string[]).includes(type)) {
      const hint = typeof type === 'string' ? suggestion(type, ruleTypes) : ''
      this.report(
        [...path, 'type'],
        'type',
        type === undefined
          ? `type is required: ${ruleTypes.join(', ')}`
          : `unknown type "${typeof type === 'string' ? type : JSON.stringify(type)}"${hint || `; known: ${ruleTypes.join(', ')}`}`,
      )
      return undefined
    }
    return this.check(ruleSchema, value, path)
  }

  #explain(issue: z.core.$ZodIssue, path: readonly PropertyKey[], schema: z.ZodType): void {
    const at = [...path, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path, this.#document.getIn(path.concat('type')))
      const parent = issue.path.filter((part) => typeof part === 'string').at(-1)
      for (const key of issue.keys)
        this.report(
          [...at, key],
          'unknown-key',
          `unknown key "${key}"${parent === undefined ? '' : ` in ${String(parent)}`}${suggestion(key, known) || meant(key, known) || onlyMissing(known)}`,
        )
    } else if (issue.code === 'invalid_union') {
      const deepest = issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0]
      if (deepest && deepest.path.length > 0)
        this.#explain({ ...deepest, path: [...issue.path, ...deepest.path] } as z.core.$ZodIssue, path, schema)
      else if (issue.input === undefined && /received undefined/.test(deepest?.message ?? ''))
        this.report(at, 'missing', `${String(issue.path.at(-1))} is required`)
      else if (durations.has(String(issue.path.at(-1)))) this.report(at, 'type', notDuration(this.#document.getIn(at)))
      else {
        const flat = issue.errors.flat()
        const meant =
          flat.find(({ code }) => code === 'invalid_value') ?? flat.find(({ code }) => code === 'invalid_type')
        if (meant) this.#explain({ ...meant, path: issue.path } as z.core.$ZodIssue, path, schema)
        else this.report(at, 'type', deepest?.message ?? issue.message)
      }
    } else if (issue.code === 'invalid_type' && /received undefined/.test(issue.message)) {
      this.report(at, 'missing', `${String(issue.path.at(-1) ?? 'a value')} is required`)
    } else if (issue.code === 'invalid_value') {
      const known = issue.values.map(String)
      const given = shown(this.#document.getIn(at))
      this.report(at, 'type', `${given} is none of ${known.join(', ')}${suggestion(given.replaceAll('"', ''), known)}`)
    } else if (issue.code === 'invalid_type') {
      this.report(at, 'type', wrongType(issue.expected, this.#document.getIn(at), String(issue.path.at(-1))))
    } else this.report(at, issue.code === 'custom' ? 'value' : 'type', issue.message)
  }

  report(path: readonly PropertyKey[], code: string, message: string, severity: Problem['severity'] = 'error'): void {
    const { overlay } = this
    if (overlay && path[0] === 'rules' && overlay.keys.includes(String(path[2]))) {
      const { file } = overlay.overrides
      const place = overlay.overrides.placeOf([overlay.id, ...path.slice(2)])
      if (severity === 'error') this.errorCount++
      this.#problems.push({ file, ...place, path: code, message, severity })
      return
    }
    const { line, column } = this.placeOf(path)
    this.#push(line, column, code, message, severity)
  }

  #push(line: number, column: number, code: string, message: string, severity: Problem['severity']): void {
    if (severity === 'error') this.errorCount++
    this.#problems.push({ file: this.file, line, column, path: code, message, severity })
  }

  problems(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }
}

const durations = new Set(
  'within for window repeat quiet wait every first doubleUntil remember learn at advance allowedLateness'.split(' '),
)

function notDuration(given: unknown): string {
  return `${shown(given)} is not a duration; write it as 250ms, 5s, 10m, 2h or 7d`
}

/** `80%` where a number stands: what is expected, and what is there. */
function wrongType(expected: string, given: unknown, key: string): string {
  const articles: Readonly<Record<string, string>> = {
    object: 'a map',
    array: 'a list',
    string: 'text',
    boolean: 'true or false',
  }
  return `${key} is ${articles[expected] ?? `a ${expected}`}, not ${shown(given)}`
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

/** With few possible keys, naming them is the best suggestion. */
function onlyMissing(known: readonly string[]): string {
  return known.length > 0 && known.length <= 8 ? `; known: ${known.join(', ')}` : ''
}

/** Twenty thousand nested lists exhaust the parser's stack: that file is refused, the process goes on. */
function parseSafely(text: string, lineCounter: LineCounter): Document | undefined {
  try {
    return parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter, prettyErrors: false, uniqueKeys: true })
  } catch {
    return undefined
  }
}
