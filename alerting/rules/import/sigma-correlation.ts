import { type ForeignDocument, isMap, listOf, timespan, textOf } from './imported.ts'
import { anyOf, type Where } from './where.ts'

/** A rule that a correlation may be made of. */
export interface Correlated {
  readonly where: Where
  readonly isRefused: boolean
  /** Some correlation is made of it. */
  used: boolean
  /** And says that it alerts by itself all the same. */
  mustStay: boolean
}

const comparisons = ['gt', 'gte', 'lt', 'lte'] as const

/** A correlation as one of our rules, without its head; undefined where it is refused. */
export function sigmaCorrelation(
  doc: ForeignDocument,
  byName: ReadonlyMap<string, Correlated>,
): Readonly<Record<string, unknown>> | undefined {
  const correlation = doc.value['correlation']
  if (!isMap(correlation)) {
    doc.refuse(['correlation'], 'a correlation is a map')
    return undefined
  }
  const at = (key: string) => ['correlation', key]
  if (correlation['aliases'] !== undefined)
    doc.refuse(at('aliases'), 'aliases cannot be carried over: a groupBy field has one name; map the fields with --map')
  const parts = membersOf(correlation, doc, byName)
  const within = timespan(correlation['timespan'])
  if (within === undefined) doc.refuse(at('timespan'), 'timespan is written 30s, 5m, 1h, 1d or 1w')
  const groupBy = listOf(correlation['group-by']).map((name) => doc.field(textOf(name), at('group-by')))
  const body = bodyOf(
    correlation,
    parts.map(({ where }) => where),
    within,
    doc,
  )
  for (const part of parts) {
    part.used = true
    part.mustStay ||= correlation['generate'] === true || doc.value['generate'] === true
  }
  return body && !doc.isRefused ? { ...body, ...(groupBy.length > 0 && { groupBy }) } : undefined
}

function membersOf(
  correlation: Readonly<Record<string, unknown>>,
  doc: ForeignDocument,
  byName: ReadonlyMap<string, Correlated>,
): Correlated[] {
  const names = listOf(correlation['rules']).map(textOf)
  if (names.length === 0) doc.refuse(['correlation', 'rules'], 'a correlation names its rules')
  return names.flatMap((name, index) => {
    const found = byName.get(name)
    const path = ['correlation', 'rules', index]
    if (!found)
      doc.refuse(path, `rule "${name}" is not in this file, or is a correlation itself, which cannot be carried over`)
    else if (found.isRefused) doc.refuse(path, `rule "${name}" is refused, and so is this`)
    return found ? [found] : []
  })
}

function bodyOf(
  correlation: Readonly<Record<string, unknown>>,
  parts: readonly Where[],
  within: string | undefined,
  doc: ForeignDocument,
): Readonly<Record<string, unknown>> | undefined {
  const type = textOf(correlation['type'])
  const where = parts.length > 0 ? anyOf(parts) : {}
  const counted = () => ({ ...boundOf(correlation['condition'], doc), within })
  switch (type) {
    case 'event_count':
      return { type: 'count', where, count: counted() }
    case 'value_count':
      return { type: 'distinct', where, distinct: { field: fieldOf(correlation['condition'], doc), ...counted() } }
    case 'value_sum':
    case 'value_avg':
      return {
        type: 'metric',
        where,
        metric: {
          field: fieldOf(correlation['condition'], doc),
          op: type === 'value_sum' ? 'sum' : 'avg',
          ...counted(),
        },
      }
    case 'temporal':
    case 'temporal_ordered':
    case 'ordered_temporal':
      if (correlation['condition'] !== undefined) {
        doc.refuse(
          ['correlation', 'condition'],
          'only "all of its rules" can be carried over for a temporal correlation',
        )
        return undefined
      }
      doc.differs(
        ['correlation', 'type'],
        'one event fills one step: rules that a single event satisfies together need two events here',
      )
      if (parts.length < 2) doc.refuse(['correlation', 'rules'], 'a sequence needs two rules')
      return { type: 'sequence', within, ordered: type !== 'temporal', steps: parts.map((part) => ({ where: part })) }
    default:
      doc.refuse(
        ['correlation', 'type'],
        `type "${type}" cannot be carried over; known: event_count, value_count, value_sum, value_avg, temporal, temporal_ordered`,
      )
      return undefined
  }
}

function boundOf(condition: unknown, doc: ForeignDocument): Readonly<Record<string, unknown>> {
  const path = ['correlation', 'condition']
  if (!isMap(condition)) {
    doc.refuse(path, 'condition is a map: gte: 10')
    return {}
  }
  const { field: _, ...bounds } = condition
  const given = Object.keys(bounds)
  const [name] = given
  if (given.length !== 1 || name === undefined || !(comparisons as readonly string[]).includes(name)) {
    doc.refuse(path, `one of gt, gte, lt, lte can be carried over, not ${given.join(' and ') || 'nothing'}`)
    return {}
  }
  if (typeof bounds[name] !== 'number') doc.refuse([...path, name], `${name} takes a number`)
  return { [name]: bounds[name] }
}

function fieldOf(condition: unknown, doc: ForeignDocument): string | undefined {
  const field = isMap(condition) ? condition['field'] : undefined
  if (typeof field === 'string') return doc.field(field, ['correlation', 'condition', 'field'])
  doc.refuse(['correlation', 'condition'], 'which field? condition.field names one')
  return undefined
}
