import type { Json, ThumpEvent } from '../../event/event.ts'
import type { Connections, KnownConnection } from './connections.ts'

/** More are counted, not listed. */
const maxCandidates = 10
/** What a client can do over a connection. */
const overConnection = /^(?:queue|exchange|basic)\./
/** No client can do these over a connection: what names a person is an HTTP request. */
const administration = /^(?:vhost|user|permission|policy|parameter)\./

/**
 * Says, in place, by which way a deed was done, as far as it is proven at this instant: by the broker's own names, by the
 * kind of deed (no client can make a user), by pids (`observe`), or by there being one connection only that could have done
 * it. An HTTP request can never be ruled out here, so that one connection is named as such, and no more.
 */
export function tellWho(event: ThumpEvent, connections: Connections, isComplete: boolean): void {
  const operation = event.amqp?.operation
  const fields = event.rabbitmq ?? {}
  if (operation === undefined || fields.attribution !== undefined) return
  const name = event.user?.name
  if (operation.startsWith('alarm.')) return say(event, 'broker')
  if (!overConnection.test(operation) && !administration.test(operation)) return
  if (name?.startsWith('rmq-')) return say(event, 'broker')
  if (name === undefined) return say(event, 'unknown: the broker names no user')
  if (administration.test(operation)) return say(event, 'http-api')
  const possible = connections.possible(name, fields.vhost, Date.parse(event['@timestamp']))
  const [only] = possible
  if (isComplete && only && possible.length === 1) {
    nameOnly(event, only)
    return say(event, 'unknown: over the one connection this user had open, or by an HTTP request')
  }
  if (possible.length > 0) event.rabbitmq = { ...fields, candidates: possible.slice(0, maxCandidates).map(candidate) }
  say(event, whyUnknown(possible.length, isComplete))
}

function whyUnknown(count: number, isComplete: boolean): string {
  if (!isComplete)
    return 'unknown: connections opened before Thump began to watch may be missing; the management API lists them'
  if (count > 1) return `unknown: one of ${count} connections this user had open, or an HTTP request`
  return 'http-api'
}

function say(event: ThumpEvent, attribution: string): void {
  event.rabbitmq = { ...event.rabbitmq, attribution }
}

function nameOnly(event: ThumpEvent, { name, ip, port, client, node }: KnownConnection): void {
  event.rabbitmq = { ...event.rabbitmq, connection: name }
  if (ip !== undefined) event.source = { ip, ...(port !== undefined && { port }) }
  if (client !== undefined) event.client = { name: client }
  if (!event.service.node && node !== undefined) event.service.node = { name: node }
}

function candidate({ name, ip, client, openedMs }: KnownConnection): Json {
  return {
    connection: name,
    ...(ip !== undefined && { ip }),
    ...(client !== undefined && { client }),
    opened: new Date(openedMs).toISOString(),
  }
}
