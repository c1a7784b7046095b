import type { Json, RabbitmqFields, ThumpEvent } from '../../../event/event.ts'
import { uniqueEventId } from '../../../event/ids.ts'
import type { Identity } from '../../source.ts'
import { ownQueuePrefix } from '../../broker/own-names.ts'
import type { DescribedBody } from './body.ts'
import { plain, plainTable } from './plain.ts'

/** One message of `amq.rabbitmq.trace`: the traced message's body, and all about it in the headers. */
export interface TraceMessage {
  readonly routingKey: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

export interface TraceContext {
  readonly identity: Pick<Identity, 'agentId' | 'agentVersion' | 'hostName' | 'cluster' | 'node'>
  /** When the agent received it: the trace itself carries no time. */
  readonly atMs: number
  readonly sequence: number
  /** What may be told of the body. */
  readonly describeBody: (body: Buffer, properties: Readonly<Record<string, unknown>>) => DescribedBody
}

export type DecodedTrace =
  | { readonly kind: 'event'; readonly event: ThumpEvent }
  /** The reason is the metric's label. */
  | { readonly kind: 'drop'; readonly reason: 'own' | 'malformed' }

/** `deliver.<queue>` of a queue of Thump's own: its doings are not the broker's news. */
export function isOwnTrace(routingKey: string): boolean {
  return routingKey.startsWith(`deliver.${ownQueuePrefix}`)
}

/** Pure but for the event's id. Never throws. */
export function decodeTrace(message: TraceMessage, context: TraceContext): DecodedTrace {
  const { routingKey, headers, body } = message
  const isPublish = routingKey.startsWith('publish.')
  if (!isPublish && !routingKey.startsWith('deliver.')) return { kind: 'drop', reason: 'malformed' }
  if (isOwnTrace(routingKey)) return { kind: 'drop', reason: 'own' }
  const properties = tableOf(headers['properties'])
  const messageHeaders = tableOf(properties['headers'])
  const rabbitmq = fieldsOf(message, isPublish, messageHeaders)
  const kept = plainTable(messageHeaders)
  const described = context.describeBody(body, properties)
  const { identity, atMs } = context
  const cluster = identity.cluster()
  const node = textOf(headers['node']) ?? identity.node()
  const user = textOf(headers['user'])
  const event: ThumpEvent = {
    '@timestamp': new Date(atMs).toISOString(),
    event: {
      id: uniqueEventId(),
      dataset: 'rabbitmq.trace',
      action: isPublish ? 'publish' : 'deliver',
      sequence: context.sequence,
    },
    message: sentenceOf(rabbitmq, isPublish),
    host: { name: identity.hostName },
    service: {
      type: 'rabbitmq',
      ...(cluster !== undefined && { name: cluster }),
      ...(node !== undefined && { node: { name: node } }),
    },
    agent: { id: identity.agentId, version: identity.agentVersion },
    amqp: {
      operation: isPublish ? 'basic.publish' : 'basic.deliver',
      ...propertiesOf(properties, atMs),
      ...(Object.keys(kept).length > 0 && { headers: kept }),
      body: described.body,
    },
    ...(user !== undefined && { user: { name: user } }),
    ...sourceOf(rabbitmq.connection),
    rabbitmq,
    ...(described.redacted && { redacted: described.redacted }),
  }
  return { kind: 'event', event }
}

function fieldsOf(
  { routingKey, headers }: TraceMessage,
  isPublish: boolean,
  messageHeaders: Readonly<Record<string, unknown>>,
): RabbitmqFields {
  const fields: RabbitmqFields = { clock: 'agent' }
  const vhost = textOf(headers['vhost'])
  const connection = textOf(headers['connection'])
  const { channel } = headers
  if (vhost !== undefined) fields.vhost = vhost
  fields.exchange = exchangeOf(headers['exchange_name'])
  fields.routing_keys = textsOf(headers['routing_keys'])
  if (connection !== undefined) fields.connection = connection
  if (typeof channel === 'number' && channel >= 0) fields.channel = channel
  if (isPublish) {
    const queues = textsOf(headers['routed_queues'])
    // Absent before 3.5: then nothing is known of where it went.
    if (!Array.isArray(headers['routed_queues'])) return fields
    fields.routed_queues = queues
    if (queues.length > 0) fields.unroutable = false
    else if (!goesElsewhere(fields.routing_keys, messageHeaders)) fields.unroutable = true
    return fields
  }
  fields.queue = routingKey.slice('deliver.'.length)
  if (headers['redelivered'] !== undefined) fields.redelivered = Number(headers['redelivered']) === 1
  return { ...fields, ...deathOf(messageHeaders) }
}

/**
 * An empty list means "unroutable", but for two: the reply of a direct reply-to goes straight to its connection, and a
 * delayed exchange holds the message back.
 */
function goesElsewhere(routingKeys: readonly string[], messageHeaders: Readonly<Record<string, unknown>>): boolean {
  return routingKeys.some((key) => key.startsWith('amq.rabbitmq.reply-to.')) || Number(messageHeaders['x-delay']) > 0
}

/** Poison shows in how often a message came back: counted by quorum queues, and by dead-lettering. */
function deathOf(messageHeaders: Readonly<Record<string, unknown>>): RabbitmqFields {
  const fields: RabbitmqFields = {}
  const deliveries = messageHeaders['x-delivery-count']
  if (typeof deliveries === 'number') fields['delivery_count'] = deliveries
  const deaths = messageHeaders['x-death']
  const last: unknown = Array.isArray(deaths) ? deaths[0] : undefined
  if (typeof last !== 'object' || last === null) return fields
  const { queue, reason, count } = last as { queue?: unknown; reason?: unknown; count?: unknown }
  const [deadQueue, deadReason] = [textOf(queue), textOf(reason)]
  if (deadQueue !== undefined) fields['dead_lettered_from'] = deadQueue
  if (deadReason !== undefined) fields['dead_letter_reason'] = deadReason
  if (typeof count === 'number') fields['dead_letter_count'] = count
  return fields
}

function propertiesOf(
  properties: Readonly<Record<string, unknown>>,
  atMs: number,
): { properties?: Record<string, Json> } {
  const found: Record<string, Json> = {}
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'headers') continue
    const json = name === 'timestamp' ? timestampOf(value, atMs) : plain(value)
    if (json !== undefined) found[name] = json
  }
  return Object.keys(found).length > 0 ? { properties: found } : {}
}

const dayS = 86_400
const earliestS = Date.UTC(2000) / 1000

/**
 * The broker squeezes the property into 32 bits: a publisher's milliseconds come out as any number, often a negative
 * one. Only what can be a publisher's seconds is kept.
 */
function timestampOf(value: unknown, atMs: number): string | undefined {
  if (typeof value !== 'number' || value < earliestS || value > atMs / 1000 + dayS) return undefined
  return new Date(value * 1000).toISOString()
}

function sentenceOf({ exchange, routing_keys: keys = [], queue, ...rest }: RabbitmqFields, isPublish: boolean): string {
  const key = keys[0] === undefined ? '' : ` with key '${keys[0]}'`
  if (!isPublish) return `${rest.redelivered ? 'redelivered' : 'delivered'} from queue '${queue}'`
  const queues = rest.routed_queues
  if (rest.unroutable) return `published to exchange '${exchange}'${key}, routed to no queue`
  if (queues === undefined || queues.length === 0) return `published to exchange '${exchange}'${key}`
  const to = queues.length === 1 ? `queue '${queues[0]}'` : `${queues.length} queues`
  return `published to exchange '${exchange}'${key}, routed to ${to}`
}

function sourceOf(connection: string | undefined): Pick<ThumpEvent, 'source'> {
  const found = /^\[?([\d.]+|[\da-f:.]+)\]?:(\d+) -> /i.exec(connection ?? '')
  if (!found) return {}
  const ip = (found[1] ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  return { source: { ip, port: Number(found[2]) } }
}

function exchangeOf(name: unknown): string {
  return textOf(name) ?? 'amq.default'
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 8192) : undefined
}

/** An empty routing key may stand in its list. */
function textsOf(value: unknown): string[] {
  return Array.isArray(value)
    ? value
        .filter((item) => typeof item === 'string')
        .slice(0, 1000)
        .map((item) => item.slice(0, 1024))
    : []
}
