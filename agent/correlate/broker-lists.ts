import type { RabbitmqFields } from '../../event/event.ts'
import { askManagement, countNodes, type ManagementAccount } from '../broker/management.ts'
import { type KnownConnection, maxConnections } from './connections.ts'
import { queueFacts } from './queues.ts'

const columns =
  'name,user,vhost,node,peer_host,peer_port,client_properties.connection_name,user_provided_name,connected_at,protocol'

export interface BrokerLists {
  readonly connections: readonly KnownConnection[]
  readonly queues: readonly RabbitmqFields[]
  readonly nodes: number
}

/** The broker's own lists of connections and queues; not by pages, for each of which it lists all anew. Throws UnavailableError. */
export async function readLists(account: ManagementAccount, signal: AbortSignal): Promise<BrokerLists> {
  const connections = (await rows(account, `/connections?columns=${columns}`, signal)).map(connectionOf)
  // disable_stats: what a queue is costs the broker nothing, how full it is would (brokers before 3.9 ignore it).
  const wanted = 'disable_stats=true&columns=name,vhost,durable,auto_delete,exclusive,type,arguments'
  const queues = (await rows(account, `/queues?${wanted}`, signal)).map(queueOf)
  return { connections, queues, nodes: await countNodes(account, signal) }
}

async function rows(account: ManagementAccount, path: string, signal: AbortSignal): Promise<Record<string, unknown>[]> {
  const answer: unknown = await askManagement(account, path, signal)
  return Array.isArray(answer) ? (answer as Record<string, unknown>[]).slice(0, maxConnections) : []
}

const text = (value: unknown) =>
  typeof value === 'string' && value !== '' && value !== 'undefined' ? value : undefined

function connectionOf(row: Record<string, unknown>): KnownConnection {
  const properties = row['client_properties'] as { connection_name?: unknown } | undefined
  return {
    name: text(row['name']) ?? '',
    node: text(row['node']),
    user: text(row['user']),
    vhost: text(row['vhost']),
    ip: text(row['peer_host'])?.replace(/^::ffff:(?=\d+\.)/i, ''),
    port: typeof row['peer_port'] === 'number' ? row['peer_port'] : undefined,
    client: text(row['user_provided_name']) ?? text(properties?.connection_name),
    protocol: text(row['protocol'])?.replace(/^AMQP /, ''),
    openedMs: typeof row['connected_at'] === 'number' ? row['connected_at'] : 0,
    // The list's own count is that of the first moment, mostly none: it may have some.
    channels: 1,
  }
}

function queueOf(row: Record<string, unknown>): RabbitmqFields {
  const fields = row as RabbitmqFields
  const { vhost, arguments: given } = fields
  const hasArguments = given !== undefined && Object.keys(given).length > 0
  const { arguments: _, ...facts } = queueFacts(fields)
  const queue = text(row['name'])
  return { ...facts, ...(hasArguments && { arguments: given }), ...(vhost && { vhost }), ...(queue && { queue }) }
}
