import type { TopicName } from '../../event/topics.ts'

/** Which source produces which field, for lint. `*` ends a subtree of any names. */
export type SourceName = 'log-files' | 'events' | 'firehose' | 'resources' | 'queues' | 'self'

const everywhere = `@timestamp event.id event.sequence event.dataset event.action event.outcome event.category event.kind message
host.name service.type service.name service.node.name agent.id agent.version tags labels.* redacted.rule redacted.count`
const who = 'user.name source.ip source.port client.name rabbitmq.vhost rabbitmq.connection'
const http = `http.request.method url.path http.response.status_code http.response.body.bytes http.response.cache event.duration user_agent.original`

const nodeNumbers = `mem_used_bytes mem_limit_bytes disk_free_bytes disk_free_limit_bytes fd_used fd_total sockets_used sockets_total processes_used
processes_total run_queue uptime_ms mem_alarm disk_free_alarm running being_drained partitions`
const queueNumbers = 'messages messages_ready messages_unacked consumers memory_bytes messages_per_s'
const totals = `messages messages_ready messages_unacked queues connections channels consumers exchanges publish_per_s deliver_per_s ack_per_s
redeliver_per_s unroutable_returned_per_s unroutable_dropped_per_s`
const named = (parent: string, names: string) =>
  names
    .split(/\s+/)
    .map((name) => `${parent}.${name}`)
    .join(' ')

interface Produced<F> {
  readonly source: SourceName
  readonly topics: readonly TopicName[]
  readonly fields: F
}

const sources: ReadonlyArray<Produced<string>> = [
  {
    source: 'log-files',
    topics: ['APP'],
    fields: `${everywhere} ${who} event.code log.level log.file.path log.offset log.flags app.* user.target.name rabbitmq.queue rabbitmq.exchange rabbitmq.channel rabbitmq.pid
    rabbitmq.policy rabbitmq.parameter rabbitmq.term rabbitmq.reason rabbitmq.arguments.* error.* related.id rabbitmq.attribution
    rabbitmq.peer_node rabbitmq.operation rabbitmq.consumer_tag rabbitmq.component rabbitmq.link rabbitmq.listener rabbitmq.mechanism rabbitmq.process
    rabbitmq.version rabbitmq.delivery_tag rabbitmq.dropped rabbitmq.timeout_s rabbitmq.free_bytes rabbitmq.used_bytes rabbitmq.limit_bytes ${http}`,
  },
  {
    source: 'events',
    topics: ['AMQP'],
    fields: `${everywhere} ${who} amqp.operation rabbitmq.queue rabbitmq.exchange rabbitmq.routing_keys rabbitmq.channel rabbitmq.pid rabbitmq.consumer_tag user.target.name
    rabbitmq.policy rabbitmq.parameter rabbitmq.arguments.* rabbitmq.durable rabbitmq.auto_delete rabbitmq.exclusive rabbitmq.type rabbitmq.attribution rabbitmq.candidates.*
    rabbitmq.reason rabbitmq.status rabbitmq.link rabbitmq.consumers_seen rabbitmq.destination_exchange rabbitmq.protocol
    tags related.id related.operation related.evidence user_agent.original rabbitmq.alarm rabbitmq.internal rabbitmq.connection_pid rabbitmq.client_product
    rabbitmq.client_version rabbitmq.way rabbitmq.tls rabbitmq.owner_pid ${http}`,
  },
  {
    source: 'firehose',
    topics: ['AMQP'],
    fields: `${everywhere} ${who} amqp.operation rabbitmq.queue rabbitmq.exchange rabbitmq.routing_keys rabbitmq.channel rabbitmq.routed_queues rabbitmq.unroutable rabbitmq.redelivered rabbitmq.clock amqp.properties.* amqp.headers.* amqp.body.bytes amqp.body.hmac amqp.body.content
    amqp.body.truncated rabbitmq.latency_ms rabbitmq.latency_clock rabbitmq.delivery_count rabbitmq.dead_lettered_from rabbitmq.dead_letter_reason
    rabbitmq.dead_letter_count`,
  },
  {
    source: 'resources',
    topics: ['METRIC'],
    fields: `${everywhere} ${named('rabbitmq.node', nodeNumbers)} ${named('rabbitmq.overview', totals)} ${named('rabbitmq.certificate', 'protocol port not_after days_left')}`,
  },
  {
    source: 'queues',
    topics: ['METRIC'],
    fields: `rabbitmq.vhost rabbitmq.queue rabbitmq.type ${named('rabbitmq.queue_stats', queueNumbers)}`,
  },
  { source: 'self', topics: ['THUMP'], fields: `${everywhere} user.name app.* thump.*` },
]

const produced: ReadonlyArray<Produced<readonly string[]>> = sources.map((source) => ({
  ...source,
  fields: source.fields.split(/\s+/),
}))

/** Fields whose values are as many as there are events: a groupBy on them keeps a window each. */
export const highCardinality: ReadonlySet<string> = new Set([
  'event.id',
  'event.sequence',
  'message',
  'source.port',
  'rabbitmq.pid',
  'rabbitmq.connection',
  'log.offset',
  'related.id',
  'amqp.properties.message_id',
  'rabbitmq.consumer_tag',
  '@timestamp',
])

/** Sources that put a field on one of the topics; empty = nobody produces it. */
export function producersOf(path: string, topics: readonly TopicName[]): SourceName[] {
  return onTopics(topics)
    .filter(({ fields }) => fields.some((field) => covers(field, path)))
    .map(({ source }) => source)
}

/** Every known field of some topics, for suggestions. */
export function knownFields(topics: readonly TopicName[]): string[] {
  return [...new Set(onTopics(topics).flatMap(({ fields }) => fields))]
}

function onTopics(topics: readonly TopicName[]): ReadonlyArray<Produced<readonly string[]>> {
  return produced.filter((source) => source.topics.some((topic) => topics.includes(topic)))
}

/** A path may also name what stands above a field: `user.exists`. */
function covers(field: string, path: string): boolean {
  return field === path || (field.endsWith('.*') && path.startsWith(field.slice(0, -1))) || field.startsWith(`${path}.`)
}
