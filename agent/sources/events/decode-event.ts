import type { Json, RabbitmqFields, ThumpEvent } from '../../../event/event.ts'
import { internalTag } from '../../../event/event.ts'
import { exchangeEventId } from '../../../event/ids.ts'
import type { Operation } from '../../../event/operations.ts'
import { connectionNamePrefix } from '../../broker/connection-name.ts'
import { nodeOfPid, parseAddress } from '../../parse/erlang/address.ts'
import { parseAmqpTable } from '../../parse/erlang/amqp-table.ts'
import { parseTerm } from '../../parse/erlang/term.ts'
import type { Identity } from '../../source.ts'
import { operationOf } from './operation-of.ts'
import { sentenceOf } from './sentence.ts'

/** One message of `amq.rabbitmq.event`: its body is always empty, everything is in the headers. */
export interface ExchangeMessage {
  readonly routingKey: string
  readonly headers: Readonly<Record<string, unknown>>
  /** `properties.timestamp`, in seconds: for brokers whose header is missing. */
  readonly timestampS?: number | undefined
}

export type DecodedEvent =
  | { readonly kind: 'event'; readonly event: ThumpEvent }
  /** The broker's own noise; the reason is the metric's label. */
  | { readonly kind: 'drop'; readonly reason: 'statistics' | 'broker-noise' }

export type EventIdentity = Pick<Identity, 'agentId' | 'agentVersion' | 'hostName' | 'cluster'>

/** Names that mark what is Thump's own. `users` are the accounts it connects with. */
export interface OwnNames {
  readonly users: ReadonlySet<string>
  readonly queuePrefix: string
}

/** Names and vhosts of strangers end up here: cut, so that no event exceeds a topic's limit. */
const maxText = 8192

/** Pure: the same message gives the same event on every agent. */
export function decodeEvent(
  message: ExchangeMessage,
  identity: EventIdentity,
  own: OwnNames,
  nowMs: number,
): DecodedEvent {
  const { routingKey, headers } = message
  if (/(?:^|\.)stats$|_stats$/.test(routingKey)) return { kind: 'drop', reason: 'statistics' }
  if (routingKey.startsWith('parameter.') && headers['component'] === 'exchange-delete-in-progress')
    return { kind: 'drop', reason: 'broker-noise' }
  const atMs = timeOf(message, nowMs)
  const operation = operationOf(routingKey, headers['destination_kind'])
  const cluster = identity.cluster()
  const node = nodeOf(headers)
  const event: ThumpEvent = {
    '@timestamp': new Date(atMs).toISOString(),
    event: {
      id: exchangeEventId(cluster ?? '', routingKey, atMs, headers),
      dataset: 'rabbitmq.event',
      action: routingKey,
      ...outcomeOf(routingKey),
    },
    message: sentenceOf(routingKey, operation, headers),
    host: { name: identity.hostName },
    service: {
      type: 'rabbitmq',
      ...(cluster !== undefined && { name: cluster }),
      ...(node !== undefined && { node: { name: node } }),
    },
    agent: { id: identity.agentId, version: identity.agentVersion },
    ...(operation !== undefined && { amqp: { operation } }),
    ...whoOf(routingKey, headers),
    rabbitmq: objectOf(routingKey, headers),
  }
  if (isOwn(event, headers, own)) event.tags = [internalTag]
  return { kind: 'event', event }
}

function timeOf({ headers, timestampS }: ExchangeMessage, nowMs: number): number {
  const ms = Number(headers['timestamp_in_ms'])
  // A Date ends at 8.64e15 ms; beyond it toISOString throws.
  if (ms > 0 && ms < 8.64e15) return ms
  return timestampS !== undefined && timestampS > 0 && timestampS < 8.64e12 ? timestampS * 1000 : nowMs
}

function outcomeOf(routingKey: string): { outcome?: 'success' | 'failure' } {
  if (routingKey.endsWith('.failure')) return { outcome: 'failure' }
  return routingKey.endsWith('.success') ? { outcome: 'success' } : {}
}

/** The value as text; undefined for what means "absent" in the broker's tongue. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string' || value === '' || value === 'undefined' || value === 'none') return undefined
  return value.slice(0, maxText)
}

/** An Erlang string arrives as the list of its characters. */
function charsOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return textOf(value)
  const codes = value.slice(0, maxText)
  if (codes.length === 0 || !codes.every((code) => Number.isInteger(code) && code > 0 && code <= 0x10ffff))
    return undefined
  return String.fromCodePoint(...(codes as number[]))
}

function nodeOf(headers: ExchangeMessage['headers']): string | undefined {
  return (
    textOf(headers['node']) ??
    nodeOfPid(headers['pid']) ??
    nodeOfPid(headers['connection']) ??
    nodeOfPid(headers['channel'])
  )
}

type Who = Pick<ThumpEvent, 'user' | 'source' | 'client'>

function whoOf(routingKey: string, headers: ExchangeMessage['headers']): Who {
  const isLogin = routingKey.startsWith('user.authentication.')
  const acting = textOf(headers['user_who_performed_action'])
  const named = isLogin
    ? textOf(headers['name'])
    : routingKey === 'connection.created'
      ? textOf(headers['user'])
      : undefined
  const name = named ?? acting
  const target = targetOf(routingKey, headers)
  const ip = parseAddress(headers['peer_host'])
  const port = Number(headers['peer_port'])
  const client =
    textOf(headers['user_provided_name']) ?? textOf(parseAmqpTable(headers['client_properties'])['connection_name'])
  return {
    ...((name !== undefined || target !== undefined) && {
      user: { ...(name !== undefined && { name }), ...(target !== undefined && { target: { name: target } }) },
    }),
    ...(ip !== undefined && { source: { ip, ...(port > 0 && { port }) } }),
    ...(client !== undefined && { client: { name: client } }),
  }
}

function targetOf(routingKey: string, headers: ExchangeMessage['headers']): string | undefined {
  if (routingKey.startsWith('user.authentication.')) return undefined
  if (routingKey.startsWith('user.limits.')) return textOf(headers['username'])
  if (routingKey.startsWith('user.')) return textOf(headers['name'])
  return /^(?:topic\.)?permission\./.test(routingKey) ? textOf(headers['user']) : undefined
}

/** Where a kind of object keeps its name. */
const nameFields: Readonly<Record<string, string>> = {
  queue: 'queue',
  exchange: 'exchange',
  policy: 'policy',
  'operator.policy': 'policy',
  parameter: 'parameter',
  vhost: 'vhost',
  connection: 'connection',
}

function objectOf(routingKey: string, headers: ExchangeMessage['headers']): RabbitmqFields {
  const kind = routingKey.startsWith('operator.policy.') ? 'operator.policy' : (routingKey.split('.', 1)[0] ?? '')
  const fields: RabbitmqFields = {}
  const put = (field: string, value: Json | undefined) => {
    if (value !== undefined && value !== '') fields[field] = value
  }
  put('vhost', textOf(headers['vhost']))
  put('attribution', ways.get(headers['user_who_performed_action']))
  const nameField = routingKey.startsWith('vhost.limits.') ? undefined : nameFields[kind]
  if (nameField !== undefined)
    put(nameField, nameField === 'exchange' ? exchangeName(headers['name']) : textOf(headers['name']))
  if (kind === 'user' || kind === 'topic') put('connection', textOf(headers['connection_name']))
  if (kind === 'topic') put('exchange', exchangeName(headers['exchange']))
  if (kind === 'consumer') {
    put('queue', textOf(headers['queue']))
    put('consumer_tag', textOf(headers['consumer_tag']))
    put('pid', textOf(headers['channel']))
  }
  if (kind === 'connection' || kind === 'channel') put('pid', textOf(headers['pid']))
  if (kind === 'channel') {
    const number = Number(headers['number'])
    if (number > 0) put('channel', number)
    put('connection_pid', textOf(headers['connection']))
    put('connection', textOf(headers['name'])?.replace(/ \(\d+\)$/, ''))
  }
  if (kind === 'queue') put('owner_pid', textOf(headers['owner_pid']))
  if (kind === 'binding') bindingFields(headers, put)
  if (kind === 'alarm') put('alarm', textOf(headers['source']))
  if (kind === 'connection') connectionFields(headers, put)
  for (const flag of ['durable', 'auto_delete', 'exclusive', 'internal'] as const) {
    const value = headers[flag]
    if (typeof value === 'boolean') put(flag, value)
  }
  if (kind !== 'federation' && kind !== 'connection') put('type', textOf(headers['type']))
  put('reason', charsOf(headers['error']) ?? textOf(headers['reason']))
  put('status', textOf(headers['status']))
  if (kind === 'shovel' || kind === 'federation') put('link', textOf(headers['name']) ?? textOf(headers['upstream']))
  const details = { ...parseAmqpTable(headers['arguments']), ...settingsOf(routingKey, headers) }
  if (Object.keys(details).length > 0) fields.arguments = details
  return fields
}

/** The broker's own names say which way; a person's name does not. `delete_queue` calls itself `cli_user`. */
const ways: ReadonlyMap<unknown, 'cli' | 'broker'> = new Map([
  ['rmq-cli', 'cli'],
  ['cli_user', 'cli'],
  ['rmq-internal', 'broker'],
  ['internal_user', 'broker'],
] as const)

type Put = (field: string, value: Json | undefined) => void

function exchangeName(value: unknown): string | undefined {
  return value === '' ? 'amq.default' : textOf(value)
}

function bindingFields(headers: ExchangeMessage['headers'], put: Put): void {
  put('exchange', exchangeName(headers['source_name']))
  put(
    headers['destination_kind'] === 'exchange' ? 'destination_exchange' : 'queue',
    textOf(headers['destination_name']),
  )
  if (typeof headers['routing_key'] === 'string') put('routing_keys', [headers['routing_key'].slice(0, maxText)])
}

function connectionFields(headers: ExchangeMessage['headers'], put: Put): void {
  const { product, version } = parseAmqpTable(headers['client_properties'])
  put('client_product', textOf(product))
  put('client_version', textOf(version))
  put('way', textOf(headers['type']))
  put('protocol', protocolOf(headers['protocol']))
  if (typeof headers['ssl'] === 'boolean') put('tls', headers['ssl'])
}

/** `{0,9,1}` is 0-9-1, `{'MQTT',"3.1.1"}` MQTT-3.1.1. */
function protocolOf(value: unknown): string | undefined {
  const text = textOf(value)
  const parts = text === undefined ? undefined : parseTerm(text)
  return Array.isArray(parts) ? parts.map(String).join('-') : text
}

/** Keys of an event's setting: what was set, of policies, permissions, tags, limits and parameters. */
const settings = [
  'configure',
  'write',
  'read',
  'tags',
  'pattern',
  'apply-to',
  'definition',
  'priority',
  'limits',
  'component',
  'value',
  'enabled',
  'disabled',
] as const

function settingsOf(routingKey: string, headers: ExchangeMessage['headers']): Record<string, Json> {
  if (!/^(?:policy|operator|permission|topic|user|vhost|parameter|plugins|queue\.policy)\b/.test(routingKey)) return {}
  const found: Record<string, Json> = {}
  for (const key of settings) {
    const value = headers[key]
    const table = parseAmqpTable(value)
    if (Object.keys(table).length > 0) found[key] = withoutPasswords(table)
    else if (Array.isArray(value) && value.length > 0) found[key] = value.map((item) => textOf(item) ?? '')
    else if (textOf(value) !== undefined) found[key] = withoutPassword(String(value).slice(0, maxText))
  }
  return found
}

/** A shovel's or an upstream's URI carries its password in clear; it must not leave the broker's host. */
function withoutPassword(text: string): string {
  return text.replace(/(amqps?:\/\/[^:/@\s"]*):[^@\s"]*@/gi, '$1:***@')
}

function withoutPasswords(table: Record<string, Json>): Record<string, Json> {
  return JSON.parse(withoutPassword(JSON.stringify(table))) as Record<string, Json>
}

function isOwn(event: ThumpEvent, headers: ExchangeMessage['headers'], own: OwnNames): boolean {
  const { rabbitmq, client, user } = event
  if (rabbitmq?.queue?.startsWith(own.queuePrefix) || client?.name?.startsWith(connectionNamePrefix)) return true
  // A deed done *to* the account (its password changed) is never hidden, and neither is a failed login.
  const operation: Operation | undefined = event.amqp?.operation
  const isTraffic =
    operation?.startsWith('connection.') || operation?.startsWith('channel.') || operation === 'login.success'
  const name = user?.name ?? textOf(headers['user'])
  return isTraffic === true && name !== undefined && own.users.has(name)
}
