import type { Dialect, Property } from './dialect.ts'

/** Grows with every change of the mapping: an older Thump does not put its own over a newer one's. */
export const templateVersion = 6

const keyword: Property = { type: 'keyword', ignore_above: 1024 }
const long: Property = { type: 'long', ignore_malformed: true }
const double: Property = { type: 'double', ignore_malformed: true }
/** Found by its index; its values are too many for counting them to be worth a column. */
const mark: Property = { ...keyword, doc_values: false }
/** Nearly the same in all events of a day: an index of it would find nearly all of them, a column does as well. */
const common: Property = { ...keyword, index: false }
/** For sorting, and the rare range: found by its column, without an index of its own. */
const column: Property = { ...long, index: false }
const flag: Property = { type: 'boolean', ignore_malformed: true }
/** Open maps: any number of keys, one field in the mapping. */
const flattened: Property = { type: 'flattened', ignore_above: 1024, depth_limit: 100 }
/** Found, and counted from the documents: each key would be written once more for a column. */
const found: Property = { ...flattened, doc_values: false }
/** Found by its text; networks are read through. */
const address: Property = { type: 'ip', ignore_malformed: true, index: false, fields: { text: keyword } }

/**
 * Field → how it is indexed. What stands nowhere here is kept in the document and not indexed: each field costs the
 * server CPU and disk an event, searched for or not. Hence not the agent, nor the type of service, which the dataset
 * begins with, nor a line's offset, which is its sequence: they are read from the documents when they are asked for.
 */
export const fields: Readonly<Record<string, Property>> = {
  '@timestamp': { type: 'date', ignore_malformed: true },
  tags: keyword,
  labels: flattened,
  'event.dataset': keyword,
  'event.sequence': column,
  'event.action': keyword,
  'event.outcome': keyword,
  'event.code': keyword,
  'event.category': keyword,
  'event.duration': long,
  'host.name': common,
  'service.name': common,
  'service.node.name': keyword,
  'log.level': keyword,
  'log.file.path': common,
  'log.flags': keyword,
  'user.name': keyword,
  'user.target.name': keyword,
  'source.ip': address,
  'source.port': column,
  'client.name': keyword,
  'related.id': mark,
  'related.operation': keyword,
  'related.evidence': keyword,
  'amqp.operation': keyword,
  'amqp.properties': found,
  'amqp.headers': found,
  'amqp.body.bytes': long,
  'amqp.body.hmac': mark,
  'amqp.body.truncated': flag,
  'rabbitmq.vhost': keyword,
  'rabbitmq.exchange': keyword,
  'rabbitmq.routing_keys': keyword,
  'rabbitmq.queue': keyword,
  'rabbitmq.connection': mark,
  'rabbitmq.channel': column,
  'rabbitmq.pid': mark,
  'rabbitmq.consumer_tag': mark,
  'rabbitmq.policy': keyword,
  'rabbitmq.parameter': keyword,
  'rabbitmq.clock': keyword,
  'rabbitmq.attribution': keyword,
  'rabbitmq.candidates': found,
  'rabbitmq.routed_queues': keyword,
  'rabbitmq.unroutable': flag,
  'rabbitmq.redelivered': flag,
  'rabbitmq.latency_ms': double,
  'rabbitmq.latency_clock': keyword,
  'rabbitmq.arguments': found,
  'rabbitmq.durable': flag,
  'rabbitmq.auto_delete': flag,
  'rabbitmq.exclusive': flag,
  'rabbitmq.type': keyword,
  'http.request.method': keyword,
  'http.response.status_code': long,
  'http.response.body.bytes': long,
  'http.response.cache': keyword,
  'url.path': keyword,
  'user_agent.original': keyword,
  'redacted.rule': keyword,
  'redacted.count': column,
  app: flattened,
  thump: flattened,
}

/** What we measured, by names of our own: all of it is indexed. */
export const measured = ['rabbitmq.node', 'rabbitmq.queue_stats', 'rabbitmq.overview', 'rabbitmq.certificate'] as const
export const texts = ['message', 'amqp.body.content'] as const
export type TextType = 'match_only_text' | 'text'

/** The mapping of every index; `text` is the leanest text type that the server has. */
export function mapping(text: TextType, { property: adapt, eventId }: Dialect): Property {
  const lean = text === 'text' ? { type: 'text', norms: false } : { type: text }
  const tree: Tree = {}
  for (const [path, property] of Object.entries(fields)) place(tree, path.split('.'), adapt(property))
  for (const path of measured) place(tree, path.split('.'), { type: 'object', dynamic: true })
  for (const path of texts) place(tree, path.split('.'), lean)
  const id = eventId('event.id')
  if (id.indexed) place(tree, ['event', 'id'], id.indexed)
  return {
    dynamic: false,
    dynamic_templates: measured.flatMap((path) => dynamicTemplates(path, adapt)),
    properties: tree,
    ...id.inMapping,
  }
}

/** Numbers are numbers whatever came first; what is deeper is kept, not indexed. */
function dynamicTemplates(path: string, adapt: Dialect['property']): Property[] {
  // One type a rule: OpenSearch takes no list.
  const rule = (type: string, as: Property) => ({
    [`${path.replace('.', '_')}_${type}`]: { path_match: `${path}.*`, match_mapping_type: type, mapping: adapt(as) },
  })
  return [
    rule('long', double),
    rule('double', double),
    rule('boolean', flag),
    rule('string', keyword),
    rule('date', keyword),
    rule('object', { type: 'object', enabled: false }),
  ]
}

interface Tree {
  [name: string]: Property | { properties: Tree }
}

function place(tree: Tree, [first = '', ...rest]: readonly string[], property: Property): void {
  if (rest.length === 0) {
    tree[first] = property
    return
  }
  const inner = (tree[first] ??= { properties: {} }) as { properties: Tree }
  place(inner.properties, rest, property)
}
