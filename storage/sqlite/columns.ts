import { valuesAt } from '../query/matches.ts'

/** Fields people filter by, with a column of their own: path → column. It holds the number of the day's term. */
export const columns: Readonly<Record<string, string>> = {
  'event.dataset': 'dataset',
  'event.action': 'action',
  'event.code': 'code',
  'event.outcome': 'outcome',
  'amqp.operation': 'operation',
  'log.level': 'level',
  'log.file.path': 'file',
  'host.name': 'host',
  'service.name': 'service',
  'service.node.name': 'node',
  'user.name': 'user',
  'source.ip': 'ip',
  'client.name': 'client',
  'rabbitmq.vhost': 'vhost',
  'rabbitmq.exchange': 'exchange',
  'rabbitmq.queue': 'queue',
  'rabbitmq.connection': 'connection',
  'related.id': 'related',
  'http.response.status_code': 'status',
  tags: 'tags',
}

/** Those with an index by time, and about how many of a million events share one value: the planner is told so. */
export const indexed: Readonly<Record<string, number>> = {
  dataset: 200_000,
  level: 100_000,
  operation: 50_000,
  status: 50_000,
  code: 20_000,
  user: 10_000,
  queue: 2_000,
  connection: 10,
  related: 2,
}

/** A value that no single term can stand for, such as a list: the event itself is asked. */
export const several = Symbol('several')

const paths = Object.keys(columns).map((path) => {
  const parts = path.split('.')
  return { path, parts, tails: parts.map((_, index) => parts.slice(index + 1).join('.')) }
})

/** In the order of `columns`; undefined where the event has none. */
export function columnValues(event: Readonly<Record<string, unknown>>): Array<string | undefined | typeof several> {
  let hasDots = false
  for (const key in event) if (key.includes('.')) hasDots = true
  return paths.map((path) => (hasDots ? anywhere(event, path.path) : nested(event, path)))
}

function nested(event: Readonly<Record<string, unknown>>, { path, parts, tails }: (typeof paths)[number]) {
  let value: unknown = event
  for (const [index, part] of parts.entries()) {
    const inner: unknown = (value as Readonly<Record<string, unknown>>)[part]
    if (Array.isArray(inner)) return anywhere(event, path)
    const isLast = index === parts.length - 1
    if (!isLast && (typeof inner !== 'object' || inner === null)) {
      // Half nested, half dotted: rare, and still the same field.
      const tail = tails[index - 1]
      return index > 0 && tail !== undefined && Object.hasOwn(value as object, tail) ? anywhere(event, path) : undefined
    }
    value = inner
  }
  return term(value)
}

function anywhere(event: unknown, path: string) {
  const values = valuesAt(event, path)
  return values.length > 1 ? several : term(values[0])
}

function term(value: unknown): string | undefined | typeof several {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return undefined
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : several
}
