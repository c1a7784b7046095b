import {
  foreignDocuments,
  type ForeignDocument,
  idOf,
  type Imported,
  type ImportOptions,
  isMap,
  listOf,
  plainTemplate,
  timespan,
  textOf,
} from './imported.ts'
import { sigmaCondition } from './sigma-condition.ts'
import { type Correlated, sigmaCorrelation } from './sigma-correlation.ts'
import { sigmaSelection } from './sigma-detection.ts'
import { allOf, fieldIs, type Where } from './where.ts'

const severityOf: Readonly<Record<string, string>> = {
  informational: 'info',
  low: 'info',
  medium: 'warning',
  high: 'high',
  critical: 'critical',
}
const stageOf: Readonly<Record<string, string>> = { experimental: 'shadow', deprecated: 'off', unsupported: 'off' }
const ruleKeys = new Set(
  `title id related name taxonomy status description license author references date modified logsource detection
   fields falsepositives level tags scope`.split(/\s+/),
)
const webFields: Readonly<Record<string, string>> = {
  'cs-method': 'http.request.method',
  'cs-uri-stem': 'url.path',
  'sc-status': 'http.response.status_code',
  'sc-bytes': 'http.response.body.bytes',
  'c-ip': 'source.ip',
  'cs-username': 'user.name',
  'cs-user-agent': 'user_agent.original',
  'c-useragent': 'user_agent.original',
}

/** Sigma rules and correlations of one file, several documents allowed: each is carried over as it means, or refused. */
export function importSigma(text: string, options: ImportOptions): Imported {
  const documents = foreignDocuments(text, withWebFields(options, text))
  const plain = documents.filter(({ value }) => value['correlation'] === undefined)
  const rules = plain.map((doc) => ({ doc, ...detectionRule(doc) }))
  const byName = new Map<string, Correlated>()
  for (const { doc, where, timeframe } of rules) {
    if (!where || timeframe) continue
    const parts: Correlated = { where, isRefused: doc.isRefused, used: false, mustStay: false }
    for (const name of [doc.value['name'], doc.value['id'], doc.value['title']])
      if (typeof name === 'string') byName.set(name, parts)
  }
  const correlations = documents
    .filter(({ value }) => value['correlation'] !== undefined)
    .flatMap((doc) => {
      const body = sigmaCorrelation(doc, byName)
      return body && !doc.isRefused ? [{ ...headOf(doc), ...body }] : []
    })
  // Parts of a correlation do not alert by themselves, unless it says so.
  const alone = rules.flatMap(({ doc, rule }) => {
    const parts = [doc.value['name'], doc.value['id']].map((name) => byName.get(textOf(name))).find((part) => part)
    return rule && !doc.isRefused && (!parts?.used || parts.mustStay) ? [rule] : []
  })
  return { rules: [...alone, ...correlations], remarks: documents.flatMap(({ remarks }) => remarks) }
}

/** Field names of web logs mean the same everywhere; what the one who imports says comes first. */
function withWebFields(options: ImportOptions, text: string): ImportOptions {
  const isWeb = /^\s*(?:logsource:\s*\{.*)?category:\s*["']?(?:webserver|proxy)\b/m.test(text)
  return isWeb ? { ...options, fields: { ...webFields, ...options.fields } } : options
}

interface Detected {
  readonly rule?: Readonly<Record<string, unknown>>
  readonly where?: Where
  /** It counts by itself, in the old way. */
  readonly timeframe?: boolean
}

function detectionRule(doc: ForeignDocument): Detected {
  const { value } = doc
  if (doc.isRefused) return {}
  if (value['filter'] !== undefined || value['action'] !== undefined) {
    doc.refuse(
      [value['filter'] === undefined ? 'action' : 'filter'],
      'filters and actions over other rules cannot be carried over: put the condition under not: in each rule',
    )
    return {}
  }
  for (const key of Object.keys(value)) if (!ruleKeys.has(key)) doc.note([key], `"${key}" is not carried over`)
  const { detection } = value
  if (!isMap(detection)) {
    doc.refuse(['detection'], 'a rule needs detection with a condition')
    return {}
  }
  const { condition, timeframe, ...parts } = detection
  const selections = new Map(
    Object.entries(parts).map(([name, part]) => [name, sigmaSelection(part, ['detection', name], doc)]),
  )
  if (typeof condition !== 'string') {
    doc.refuse(['detection', 'condition'], 'condition is one text; write a list of them as several rules')
    return {}
  }
  const [expression = '', aggregation, ...more] = condition.split('|').map((part) => part.trim())
  if (more.length > 0) doc.refuse(['detection', 'condition'], 'one aggregation, not several')
  const found = conditionOf(expression, selections, doc)
  if (!found) return {}
  const source = sourceOf(doc)
  const where = allOf([...source, found])
  const body =
    aggregation === undefined ? { type: 'match', where } : { ...aggregated(aggregation, timeframe, doc), where }
  if (aggregation === undefined && timeframe !== undefined)
    doc.refuse(['detection', 'timeframe'], 'timeframe without a count says nothing')
  return { rule: { ...headOf(doc), ...body }, where, timeframe: aggregation !== undefined }
}

function conditionOf(text: string, selections: ReadonlyMap<string, Where>, doc: ForeignDocument): Where | undefined {
  try {
    return sigmaCondition(text, selections)
  } catch (error) {
    doc.refuse(['detection', 'condition'], `condition: ${error instanceof Error ? error.message : textOf(error)}`)
    return undefined
  }
}

/** `logsource` says which events are meant: a dataset here, named by the one who imports where it is not RabbitMQ's own. */
function sourceOf(doc: ForeignDocument): Where[] {
  const { dataset } = doc.options
  if (dataset === 'any') return []
  if (dataset !== undefined) return [fieldIs('event.dataset', '', [dataset])]
  const source = isMap(doc.value['logsource']) ? doc.value['logsource'] : {}
  if (source['product'] === 'rabbitmq') {
    const isAccess = source['service'] === 'access' || source['category'] === 'webserver'
    return [fieldIs('event.dataset', '', [isAccess ? 'rabbitmq.access' : 'rabbitmq.log'])]
  }
  const said = ['category', 'product', 'service'].flatMap((key) =>
    source[key] === undefined ? [] : [`${key} ${textOf(source[key])}`],
  )
  doc.refuse(
    ['logsource'],
    `which events are "${said.join(', ') || 'no logsource'}" here? say --dataset nginx.access, or --dataset any for all of ${doc.options.topic}`,
  )
  return []
}

/** The old `| count() by field > 5` with a timeframe. */
function aggregated(text: string, timeframe: unknown, doc: ForeignDocument): Readonly<Record<string, unknown>> {
  const at = ['detection', 'condition']
  const found = /^count\(\s*([^)\s]*)\s*\)(?:\s+by\s+(\S+))?\s*(>=|<=|>|<)\s*(\d+)$/.exec(text)
  if (!found) {
    doc.refuse(at, `aggregation "${text}" cannot be carried over: only count() by one field with < <= > >=`)
    return {}
  }
  const within = timespan(timeframe)
  if (within === undefined) doc.refuse(['detection', 'timeframe'], 'a count needs a timeframe: 30s, 5m, 1h or 1d')
  const [, field = '', by, comparison = '', count] = found
  const bound = {
    [({ '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte' } as Record<string, string>)[comparison] ?? 'gte']:
      Number(count),
    within,
  }
  return {
    ...(field === ''
      ? { type: 'count', count: bound }
      : { type: 'distinct', distinct: { field: doc.field(field, at), ...bound } }),
    ...(by !== undefined && { groupBy: [doc.field(by, at)] }),
  }
}

/** What a rule says beside its conditions. */
function headOf(doc: ForeignDocument): Readonly<Record<string, unknown>> {
  const { value, options } = doc
  const { title, id, description, level, status, falsepositives, tags, references, author } = value
  const severity = typeof level === 'string' ? severityOf[level] : undefined
  if (level !== undefined && severity === undefined)
    doc.note(['level'], `level "${textOf(level)}" is not known: warning`)
  const stage = typeof status === 'string' ? stageOf[status] : undefined
  if (stage !== undefined) doc.note(['status'], `status ${textOf(status)}: stage ${stage}`)
  const known = listOf(falsepositives).filter((each) => typeof each === 'string')
  return {
    id: idOf(title, typeof id === 'string' ? id : 'sigma-rule'),
    topic: options.topic,
    ...(severity !== undefined && { severity }),
    ...(stage !== undefined && { stage }),
    labels: labelsOf({ sigma: id, author, tags: listOf(tags).join(' ') || undefined }),
    ...(typeof title === 'string' && { summary: plainTemplate(title) }),
    ...(typeof description === 'string' && { description: plainTemplate(description) }),
    ...(listOf(references).length > 0 && { runbook: listOf(references).map(textOf).join(' ') }),
    ...(known.length > 0 && { falsePositives: known.join('; ') }),
  }
}

function labelsOf(labels: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) =>
      typeof value === 'string' && value !== '' ? [[name, value]] : [],
    ),
  )
}
