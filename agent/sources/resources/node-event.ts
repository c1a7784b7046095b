import type { Json, ThumpEvent } from '../../../event/event.ts'
import type { Identity } from '../../source.ts'

/** The API's names, and ours with their unit. */
const numbers = {
  mem_used: 'mem_used_bytes',
  mem_limit: 'mem_limit_bytes',
  disk_free: 'disk_free_bytes',
  disk_free_limit: 'disk_free_limit_bytes',
  fd_used: 'fd_used',
  fd_total: 'fd_total',
  sockets_used: 'sockets_used',
  sockets_total: 'sockets_total',
  proc_used: 'processes_used',
  proc_total: 'processes_total',
  run_queue: 'run_queue',
  uptime: 'uptime_ms',
} as const
const flags = {
  mem_alarm: 'mem_alarm',
  disk_free_alarm: 'disk_free_alarm',
  running: 'running',
  being_drained: 'being_drained',
} as const

/** One reading of `/api/nodes/{node}` as an event; what the broker does not say is absent. */
export function nodeEvent(
  answer: Readonly<Record<string, unknown>>,
  {
    identity,
    id,
    atMs,
  }: { identity: Pick<Identity, 'agentId' | 'agentVersion' | 'hostName' | 'cluster'>; id: string; atMs: number },
): ThumpEvent {
  const node: Record<string, Json> = {}
  for (const [theirs, ours] of Object.entries(numbers)) {
    const value = answer[theirs]
    if (typeof value === 'number' && Number.isFinite(value)) node[ours] = value
  }
  for (const [theirs, ours] of Object.entries(flags)) {
    const value = answer[theirs]
    if (typeof value === 'boolean') node[ours] = value
  }
  if (Array.isArray(answer['partitions'])) node['partitions'] = answer['partitions'].length
  const name = typeof answer['name'] === 'string' ? answer['name'] : undefined
  const cluster = identity.cluster()
  return {
    '@timestamp': new Date(atMs).toISOString(),
    event: { id, dataset: 'rabbitmq.node', action: 'node.sampled' },
    message: `resources of ${name ?? 'the node'}`,
    host: { name: identity.hostName },
    service: {
      type: 'rabbitmq',
      ...(cluster !== undefined && { name: cluster }),
      ...(name !== undefined && { node: { name } }),
    },
    agent: { id: identity.agentId, version: identity.agentVersion },
    rabbitmq: { node },
  }
}
