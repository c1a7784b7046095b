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

const ownDelivery = `deliver.${ownQueuePrefix}`

/** `deliver.<queue>` of a queue of Thump's own: its doings are not the broker's news. */
export function isOwnTrace(routingKey: string): boolean {
  return routingKey.startsWith(ownDelivery)
}

/**
 * Pure but for the event's id. Never throws. Objects are filled rather than spread together: at thousands of traces a
 * second that is a good part of the cost.
 */
export function decodeTrace(message: TraceMessage, context: TraceContext): DecodedTrace {
  const { routingKey, headers, body } = message
  const isPublish = routingKey.startsWith('publish.')
  if (!isPublish && !routingKey.startsWith('deliver.')) return { kind: 'drop', reason: 'malformed' }
  if (isOwnTrace(routingKey)) return { kind: 'drop', reason: 'own' }
  const properties = tableOf(headers['properties'])
  const messageHeaders = tableOf(properties['headers'])
  const rabbitmq = fieldsOf(message, isPublish, messageHeaders)
  const described = context.describeBody(body, properties)
  const { identity, atMs } = context
  const user = textOf(headers['user'])
  const source = sourceOf(rabbitmq.connection)
  const event: ThumpEvent = {
    '@timestamp': receivedIso(atMs),
    event: {
      id: uniqueEventId(),
      dataset: 'rabbitmq.trace',
      action: isPublish ? 'publish' : 'deliver',
      sequence: context.sequence,
    },
    message: sentenceOf(rabbitmq, isPublish),
    host: { name: identity.hostName },
    service: serviceOf(identity, headers['node']),
    agent: { id: identity.agentId, version: identity.agentVersion },
    amqp: amqpOf(isPublish, properties, messageHeaders, atMs),
  }
  if (event.amqp) event.amqp.body = described.body
  if (user !== undefined) event.user = { name: user }
  if (source) event.source = source
  event.rabbitmq = rabbitmq
  if (described.redacted) event.redacted = described.redacted
  return { kind: 'event', event }
}

function serviceOf(identity: TraceContext['identity'], named: unknown): ThumpEvent['service'] {
  const service: ThumpEvent['service'] = { type: 'rabbitmq' }
  const cluster = identity.cluster()
  const node = textOf(named) ?? identity.node()
  if (cluster !== undefined) service.name = cluster
  if (node !== undefined) service.node = { name: node }
  return service
}

function amqpOf(
  isPublish: boolean,
  properties: Readonly<Record<string, unknown>>,
  messageHeaders: Readonly<Record<string, unknown>>,
  atMs: number,
): NonNullable<ThumpEvent['amqp']> {
  const amqp: NonNullable<ThumpEvent['amqp']> = { operation: isPublish ? 'basic.publish' : 'basic.deliver' }
  const found = propertiesOf(properties, atMs)
  const kept = plainTable(messageHeaders)
  if (found) amqp.properties = found
  if (Object.keys(kept).length > 0) amqp.headers = kept
  return amqp
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
  addDeath(fields, messageHeaders)
  return fields
}

/**
 * An empty list means "unroutable", but for two: the reply of a direct reply-to goes straight to its connection, and a
 * delayed exchange holds the message back.
 */
function goesElsewhere(routingKeys: readonly string[], messageHeaders: Readonly<Record<string, unknown>>): boolean {
  return routingKeys.some((key) => key.startsWith('amq.rabbitmq.reply-to.')) || Number(messageHeaders['x-delay']) > 0
}

/** Poison shows in how often a message came back: counted by quorum queues, and by dead-lettering. */
function addDeath(fields: RabbitmqFields, messageHeaders: Readonly<Record<string, unknown>>): void {
  const deliveries = messageHeaders['x-delivery-count']
  if (typeof deliveries === 'number') fields['delivery_count'] = deliveries
  const deaths = messageHeaders['x-death']
  const last: unknown = Array.isArray(deaths) ? deaths[0] : undefined
  if (typeof last !== 'object' || last === null) return
  const { queue, reason, count } = last as { queue?: unknown; reason?: unknown; count?: unknown }
  const [deadQueue, deadReason] = [textOf(queue), textOf(reason)]
  if (deadQueue !== undefined) fields['dead_lettered_from'] = deadQueue
  if (deadReason !== undefined) fields['dead_letter_reason'] = deadReason
  if (typeof count === 'number') fields['dead_letter_count'] = count
}

function propertiesOf(properties: Readonly<Record<string, unknown>>, atMs: number): Record<string, Json> | undefined {
  let found: Record<string, Json> | undefined
  for (const name of Object.keys(properties)) {
    if (name === 'headers') continue
    const value = properties[name]
    const json = name === 'timestamp' ? timestampOf(value, atMs) : plain(value)
    if (json !== undefined) (found ??= {})[name] = json
  }
  return found
}

const dayS = 86_400
const earliestS = Date.UTC(2000) / 1000

/**
 * The broker squeezes the property into 32 bits: a publisher's milliseconds come out as any number, often a negative
 * one. Only what can be a publisher's seconds is kept.
 */
function timestampOf(value: unknown, atMs: number): string | undefined {
  if (typeof value !== 'number' || value < earliestS || value > atMs / 1000 + dayS) return undefined
  return stampedIso(value * 1000)
}

/** Neighbours share their millisecond, and publishers' stamps are whole seconds: the last text often serves again. */
function isoMemo(): (ms: number) => string {
  let [lastMs, text] = [Number.NaN, '']
  return (ms) => {
    if (ms !== lastMs) [lastMs, text] = [ms, new Date(ms).toISOString()]
    return text
  }
}
const receivedIso = isoMemo()
const stampedIso = isoMemo()

function sentenceOf(fields: RabbitmqFields, isPublish: boolean): string {
  if (!isPublish) return `${fields.redelivered ? 'redelivered' : 'delivered'} from queue '${fields.queue}'`
  const { exchange, routing_keys: keys, routed_queues: queues } = fields
  const key = keys?.[0] === undefined ? '' : ` with key '${keys[0]}'`
  if (fields.unroutable) return `published to exchange '${exchange}'${key}, routed to no queue`
  if (queues === undefined || queues.length === 0) return `published to exchange '${exchange}'${key}`
  const to = queues.length === 1 ? `queue '${queues[0]}'` : `${queues.length} queues`
  return `published to exchange '${exchange}'${key}, routed to ${to}`
}

/** Connections are few, and forgotten all together before they are many. */
const maxSources = 2000
const sources = new Map<string, ThumpEvent['source']>()

function sourceOf(connection: string | undefined): ThumpEvent['source'] {
  if (connection === undefined) return undefined
  let source = sources.get(connection)
  if (source !== undefined) return source
  const found = /^\[?([\d.]+|[\da-f:.]+)\]?:(\d+) -> /i.exec(connection)
  if (!found) return undefined
  const ip = (found[1] ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
  source = { ip, port: Number(found[2]) }
  if (sources.size >= maxSources) sources.clear()
  sources.set(connection, source)
  return source
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
  const found: string[] = []
  if (!Array.isArray(value)) return found
  for (const item of value as readonly unknown[]) {
    if (typeof item !== 'string') continue
    if (found.push(item.slice(0, 1024)) === 1000) break
  }
  return found
}
