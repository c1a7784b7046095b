import type { RabbitmqFields, ThumpEvent } from '../../event/event.ts'
import type { Connections, KnownConnection } from './connections.ts'
import { type Queues, queueFacts } from './queues.ts'

export interface Known {
  readonly connections: Connections
  readonly queues: Queues
}

/** Learns from an event of the event exchange, and adds to it, in place, what earlier events told of the same things. */
export function observe(event: ThumpEvent, { connections, queues }: Known): void {
  const fields = event.rabbitmq ?? {}
  const atMs = Date.parse(event['@timestamp'])
  switch (event.event.action) {
    case 'connection.created':
      return connections.open(connectionOf(event, fields, atMs))
    case 'connection.closed': {
      const connection = connections.byPid(fields.pid) ?? connections.byName(fields.connection)
      if (!connection) return
      tellConnection(event, connection)
      return connections.close(connection, atMs)
    }
    case 'channel.created': {
      const pid = fields.pid
      const connection = connections.byPid(text(fields['connection_pid'])) ?? connections.byName(fields.connection)
      if (pid === undefined || !connection) return
      tellConnection(event, connection, 'amqp')
      return connections.openChannel(pid, { connection: connection.name, number: fields.channel })
    }
    case 'channel.closed': {
      const channel = connections.channel(fields.pid)
      if (fields.pid === undefined || !channel) return
      tellChannel(event, fields, connections)
      const { connection, number } = channel
      event.message = event.message.replace(fields.pid, () => `${connection} (${number ?? '?'})`)
      return connections.closeChannel(fields.pid)
    }
    case 'consumer.created': {
      tellChannel(event, fields, connections, 'amqp')
      const queue = queues.get(fields)
      if (queue) queue.consumersSeen++
      return
    }
    case 'consumer.deleted': {
      const owner = connections.byName(connections.channel(fields.pid)?.connection)?.user
      // Cancelled by its own client, else by the broker, whose name is on it.
      return tellChannel(
        event,
        fields,
        connections,
        owner !== undefined && event.user?.name === owner ? 'amqp' : undefined,
      )
    }
    case 'queue.created': {
      const owner = connections.byPid(text(fields['owner_pid']))
      // The owner's pid is proof of who declared an exclusive queue.
      if (owner) tellConnection(event, owner, 'amqp')
      return queues.set(fields, { facts: queueFacts(fields), owner: owner?.name, consumersSeen: 0 })
    }
    case 'queue.deleted':
      return endQueue(event, fields, queues)
    case undefined:
    default:
      return
  }
}

function connectionOf(
  { user, source, client, service }: ThumpEvent,
  fields: RabbitmqFields,
  openedMs: number,
): KnownConnection {
  return {
    name: fields.connection ?? fields.pid ?? '',
    node: service.node?.name,
    pid: fields.pid,
    user: user?.name,
    vhost: fields.vhost,
    ip: source?.ip,
    port: source?.port,
    client: client?.name,
    protocol: text(fields['protocol']),
    openedMs,
    channels: 0,
  }
}

/** Says on the event whose connection it speaks of; what the event says itself stays. `way` where that proves it. */
export function tellConnection(event: ThumpEvent, connection: KnownConnection, way?: 'amqp'): void {
  const { name, user, vhost, ip, port, client, node } = connection
  event.rabbitmq = {
    ...(vhost !== undefined && { vhost }),
    ...(way !== undefined && { attribution: way }),
    connection: name,
    ...event.rabbitmq,
  }
  if (event.user?.name === undefined && user !== undefined) event.user = { ...event.user, name: user }
  if (!event.source && ip !== undefined) event.source = { ip, ...(port !== undefined && { port }) }
  if (!event.client && client !== undefined) event.client = { name: client }
  if (!event.service.node && node !== undefined) event.service.node = { name: node }
}

function tellChannel(event: ThumpEvent, fields: RabbitmqFields, connections: Connections, way?: 'amqp'): void {
  const channel = connections.channel(fields.pid)
  const connection = connections.byName(channel?.connection)
  if (!channel || !connection) return
  if (channel.number !== undefined) event.rabbitmq = { channel: channel.number, ...event.rabbitmq }
  tellConnection(event, connection, way)
}

function endQueue(event: ThumpEvent, fields: RabbitmqFields, queues: Queues): void {
  const known = queues.get(fields)
  if (!known) return
  event.rabbitmq = {
    ...known.facts,
    ...fields,
    consumers_seen: known.consumersSeen,
    ...(event.user?.name === 'rmq-internal' && endOf(known)),
  }
  queues.delete(fields)
}

/** Why the broker itself deletes a queue, by what the queue was. */
function endOf({ facts, owner }: { facts: ReturnType<typeof queueFacts>; owner?: string | undefined }): RabbitmqFields {
  if (facts.exclusive === true)
    return { reason: 'exclusive: its connection closed', ...(owner !== undefined && { connection: owner }) }
  if (facts.auto_delete === true) return { reason: 'auto-delete: its last consumer left' }
  if (facts.arguments?.['x-expires'] !== undefined) return { reason: 'expired: unused for x-expires' }
  return {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
