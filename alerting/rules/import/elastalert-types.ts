import { esFilter } from './es-filter.ts'
import { type ForeignDocument, isMap, listOf, timeIn, textOf } from './imported.ts'
import { allOf, fieldIs, fieldKey, notOf, type Where } from './where.ts'

/** What is peculiar to a type; `suffix` tells several rules of one apart. */
export type Body = Readonly<Record<string, unknown>> & { readonly suffix?: string }
type Reader = (doc: ForeignDocument, where: Where) => readonly Body[]

/** One rule, or several where one of ElastAlert's says several things. */
export function elastAlertBodies(doc: ForeignDocument, where: Where): readonly Body[] {
  const { type } = doc.value
  const reader = typeof type === 'string' && Object.hasOwn(readers, type) ? readers[type] : undefined
  if (reader) return reader(doc, where)
  const isCode = typeof type === 'string' && type.includes('.')
  doc.refuse(
    ['type'],
    `type "${textOf(type)}" cannot be carried over${isCode ? ': it is Python code' : `; known: ${Object.keys(readers).join(', ')}`}`,
  )
  return []
}

const readers: Readonly<Record<string, Reader>> = {
  any: (_, where) => [{ type: 'match', ...whereOf(where), quiet: '0s' }],
  blacklist: listed('blacklist'),
  whitelist: listed('whitelist'),
  frequency,
  flatline,
  spike,
  change,
  new_term: newTerm,
  cardinality,
  metric_aggregation: metric,
  percentage_match: percentage,
}

function whereOf(where: Where): { where?: Where } {
  return Object.keys(where).length > 0 ? { where } : {}
}

function time(doc: ForeignDocument, key: string): string | undefined {
  const value = timeIn(doc.value[key])
  if (value === undefined) doc.refuse([key], `${key} is needed, written {minutes: 5}`)
  return value
}

function number(doc: ForeignDocument, key: string): number | undefined {
  const value = doc.value[key]
  if (typeof value === 'number') return value
  doc.refuse([key], `${key} is needed, a number`)
  return undefined
}

function frequency(doc: ForeignDocument, where: Where): Body[] {
  doc.differs(
    ['type'],
    'one alert stays open while the count is reached, instead of one more at each further num_events',
  )
  return [
    { type: 'count', ...whereOf(where), count: { gte: number(doc, 'num_events'), within: time(doc, 'timeframe') } },
  ]
}

function flatline(doc: ForeignDocument, where: Where): Body[] {
  const threshold = number(doc, 'threshold')
  const within = time(doc, 'timeframe')
  if (doc.value['forget_keys'] === true)
    doc.differs(['forget_keys'], 'a key that fell silent stays in alert until it is heard of again')
  doc.differs(['type'], 'it is told when the silence begins and when it ends, not again each cycle')
  return threshold === 1
    ? [{ type: 'absence', ...whereOf(where), absence: { for: within } }]
    : [{ type: 'count', ...whereOf(where), count: { lt: threshold, within } }]
}

function spike(doc: ForeignDocument, where: Where): Body[] {
  const { value } = doc
  for (const key of ['field_value', 'alert_on_new_data'])
    if (value[key] !== undefined && value[key] !== false)
      doc.refuse([key], `${key} cannot be carried over: a spike counts events, after two full windows`)
  const ratio = number(doc, 'spike_height')
  if (ratio !== undefined && ratio <= 1) doc.refuse(['spike_height'], 'a ratio is greater than 1')
  const reference = value['threshold_ref']
  const current = value['threshold_cur']
  if (reference === undefined || reference === 0)
    doc.differs(['threshold_ref'], 'an empty reference window never makes a spike (minReference is at least 1)')
  return [
    {
      type: 'spike',
      ...whereOf(where),
      spike: {
        direction: value['spike_type'] ?? 'both',
        ratio,
        window: time(doc, 'timeframe'),
        ...(typeof reference === 'number' && reference >= 1 && { minReference: reference }),
        ...(typeof current === 'number' && current > 0 && { minCurrent: current }),
      },
    },
  ]
}

function listed(key: 'blacklist' | 'whitelist'): Reader {
  return (doc, where) => {
    const name = doc.value['compare_key']
    const values = listOf(doc.value[key])
    if (typeof name !== 'string') doc.refuse(['compare_key'], 'compare_key names one field')
    if (values.length === 0) doc.refuse([key], `${key} is an empty list`)
    if (values.some((value) => textOf(value).startsWith('!')))
      doc.refuse([key], 'a list in a file cannot be carried over: put its lines here')
    const field = doc.field(textOf(name), ['compare_key'])
    const isOne = fieldIs(
      field,
      '',
      values,
      values.some((value) => typeof value === 'string'),
    )
    if (key === 'blacklist') return [{ type: 'match', where: allOf([where, isOne]), quiet: '0s' }]
    const isThere = doc.value['ignore_null'] === true ? [{ [fieldKey(field, 'exists')]: true }] : []
    return [{ type: 'match', where: allOf([where, ...isThere, notOf(isOne)]), quiet: '0s' }]
  }
}

function change(doc: ForeignDocument, where: Where): Body[] {
  const { value } = doc
  if (value['timeframe'] !== undefined) doc.refuse(['timeframe'], 'an old value is not forgotten after a time')
  if (value['ignore_null'] === false) doc.refuse(['ignore_null'], 'events without the field are skipped')
  if (value['query_key'] === undefined) doc.refuse(['query_key'], 'change needs query_key')
  return perField(listOf(value['compare_key'] ?? value['compound_compare_key']), 'compare_key', doc).map(
    ({ field, suffix }) => ({
      type: 'change',
      ...whereOf(where),
      change: { field },
      ...suffix,
    }),
  )
}

function newTerm(doc: ForeignDocument, where: Where): Body[] {
  const { value } = doc
  if (value['alert_on_missing_field'] === true)
    doc.refuse(['alert_on_missing_field'], 'events without the field are skipped')
  const remember = value['terms_window_size'] === undefined ? '30d' : time(doc, 'terms_window_size')
  doc.differs(['type'], 'known values are learned from now on for a day (learn: 1d), not looked up in the past')
  const groups = listOf(value['fields'] ?? value['query_key'])
  return perField(groups, 'fields', doc).map(({ field, suffix }) => ({
    type: 'newValue',
    ...whereOf(where),
    newValue: { fields: [field].flat(), remember, learn: '1d' },
    ...suffix,
  }))
}

/** A rule for each of several fields; a list within the list is a tuple. */
function perField(names: readonly unknown[], key: string, doc: ForeignDocument) {
  if (names.length === 0) doc.refuse([key], `${key} names no field`)
  return names.map((name, index) => {
    if (typeof name !== 'string') doc.refuse([key, index], 'fields are named one by one')
    const field = doc.field(textOf(name), [key, index])
    return { field, suffix: names.length > 1 ? { suffix: textOf(index + 1) } : {} }
  })
}

function cardinality(doc: ForeignDocument, where: Where): Body[] {
  const field = doc.field(textOf(doc.value['cardinality_field'] ?? ''), ['cardinality_field'])
  const within = time(doc, 'timeframe')
  doc.differs(['type'], 'it fires once a crossing, not at every event beyond it')
  return bounds(doc, 'min_cardinality', 'max_cardinality').map(({ bound, suffix }) => ({
    type: 'distinct',
    ...whereOf(where),
    distinct: { field, ...bound, within },
    ...suffix,
  }))
}

/** Beyond the greatest, or below the least: a rule each. */
function bounds(doc: ForeignDocument, least: string, greatest: string, scale = 1) {
  const given = [
    { name: 'gt', value: doc.value[greatest], suffix: 'above' },
    { name: 'lt', value: doc.value[least], suffix: 'below' },
  ].filter(({ value }) => value !== undefined)
  if (given.length === 0) doc.refuse(['type'], `${least} or ${greatest} is needed`)
  return given.map(({ name, value, suffix }) => {
    if (typeof value !== 'number') doc.refuse([name === 'gt' ? greatest : least], 'a bound is a number')
    return { bound: { [name]: Number(value) / scale }, suffix: given.length > 1 ? { suffix } : {} }
  })
}

const plainOps = ['min', 'max', 'avg', 'sum']

function metric(doc: ForeignDocument, where: Where): Body[] {
  const { value } = doc
  const op = textOf(value['metric_agg_type'])
  const isP95 = op === 'percentiles' && value['percentile_range'] === 95
  const field = doc.field(textOf(value['metric_agg_key'] ?? ''), ['metric_agg_key'])
  const within = time(doc, 'buffer_time')
  if (op === 'cardinality' || op === 'value_count') {
    return bounds(doc, 'min_threshold', 'max_threshold').map(({ bound, suffix }) =>
      op === 'cardinality'
        ? { type: 'distinct', ...whereOf(where), distinct: { field, ...bound, within }, ...suffix }
        : {
            type: 'count',
            where: allOf([where, { [fieldKey(field, 'exists')]: true }]),
            count: { ...bound, within },
            ...suffix,
          },
    )
  }
  if (!plainOps.includes(op) && !isP95)
    doc.refuse(
      ['metric_agg_type'],
      `"${op}" cannot be carried over; known: ${plainOps.join(', ')}, cardinality, value_count, percentiles with 95`,
    )
  doc.differs(['type'], 'the window slides with every event, instead of one look each run')
  return bounds(doc, 'min_threshold', 'max_threshold').map(({ bound, suffix }) => ({
    type: 'metric',
    ...whereOf(where),
    metric: { field, op: isP95 ? 'p95' : op, ...bound, within },
    ...suffix,
  }))
}

function percentage(doc: ForeignDocument, where: Where): Body[] {
  const bucket = doc.value['match_bucket_filter']
  if (bucket === undefined || isMap(bucket) || listOf(bucket).length === 0)
    doc.refuse(['match_bucket_filter'], 'match_bucket_filter is a list of filters')
  const of = esFilter(listOf(bucket), ['match_bucket_filter'], doc)
  const within = time(doc, 'buffer_time')
  const minTotal = doc.value['min_denominator']
  return bounds(doc, 'min_percentage', 'max_percentage', 100).map(({ bound, suffix }) => ({
    type: 'ratio',
    ...whereOf(where),
    ratio: { of, ...bound, within, ...(typeof minTotal === 'number' && minTotal >= 1 && { minTotal }) },
    ...suffix,
  }))
}
