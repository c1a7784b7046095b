import { internalTag, type Json, type ThumpEvent } from '../../../event/event.ts'
import { uniqueEventId } from '../../../event/ids.ts'
import { ownQueuePrefix } from '../../broker/own-names.ts'
import type { Identity } from '../../source.ts'
import type { QueueNews } from './changed.ts'

type Who = Pick<Identity, 'agentId' | 'agentVersion' | 'hostName' | 'cluster' | 'node'>

/** One queue's numbers, and of what type it is where that is known. */
export function queueEvent(
  { reading, perSecond }: QueueNews,
  type: string | undefined,
  identity: Who,
  atMs: number,
): ThumpEvent {
  const { vhost, queue, ...numbers } = reading
  const stats = { ...numbers, ...(perSecond !== undefined && { messages_per_s: perSecond }) }
  return {
    ...sampled('queue', `queue '${queue}' in vhost '${vhost}': ${reading.messages ?? '?'} messages`, identity, atMs),
    rabbitmq: { vhost, queue, ...(type !== undefined && { type }), queue_stats: stats as Record<string, Json> },
    ...(queue.startsWith(ownQueuePrefix) && { tags: [internalTag] }),
  }
}

const totals = {
  messages: 'messages',
  messages_ready: 'messages_ready',
  messages_unacknowledged: 'messages_unacked',
} as const
const rates = {
  publish: 'publish_per_s',
  deliver_get: 'deliver_per_s',
  ack: 'ack_per_s',
  redeliver: 'redeliver_per_s',
  return_unroutable: 'unroutable_returned_per_s',
  drop_unroutable: 'unroutable_dropped_per_s',
} as const

/** The whole cluster's numbers, of `/api/overview`. */
export function clusterEvent(answer: Readonly<Record<string, unknown>>, identity: Who, atMs: number): ThumpEvent {
  const overview: Record<string, Json> = {}
  const put = (name: string, value: unknown) => {
    if (typeof value === 'number' && Number.isFinite(value)) overview[name] = value
  }
  const part = (name: string) => (answer[name] ?? {}) as Record<string, unknown>
  for (const [theirs, ours] of Object.entries(totals)) put(ours, part('queue_totals')[theirs])
  for (const kind of ['queues', 'connections', 'channels', 'consumers', 'exchanges'])
    put(kind, part('object_totals')[kind])
  for (const [theirs, ours] of Object.entries(rates))
    put(ours, (part('message_stats')[`${theirs}_details`] as { rate?: unknown } | undefined)?.rate)
  return { ...sampled('overview', 'totals of the cluster', identity, atMs), rabbitmq: { overview } }
}

/** What is known of the certificate of one TLS listener. */
export interface CertificateReading {
  readonly protocol: string
  readonly port: number
  readonly untilMs: number
}

const dayMs = 86_400_000

/** `days_left` is below zero once it has expired. */
export function certificateEvent({ protocol, port, untilMs }: CertificateReading, who: Who, atMs: number): ThumpEvent {
  const days = Math.floor(((untilMs - atMs) / dayMs) * 100) / 100
  const certificate = { protocol, port, not_after: new Date(untilMs).toISOString(), days_left: days }
  return {
    ...sampled('certificate', `certificate of ${protocol} on port ${port}: ${days} days left`, who, atMs),
    rabbitmq: { certificate },
  }
}

function sampled(what: 'queue' | 'overview' | 'certificate', message: string, identity: Who, atMs: number): ThumpEvent {
  const [cluster, node] = [identity.cluster(), identity.node()]
  return {
    '@timestamp': new Date(atMs).toISOString(),
    event: { id: uniqueEventId(), dataset: `rabbitmq.${what}`, action: `${what}.sampled` },
    message,
    host: { name: identity.hostName },
    service: {
      type: 'rabbitmq',
      ...(cluster !== undefined && { name: cluster }),
      ...(what !== 'overview' && node !== undefined && { node: { name: node } }),
    },
    agent: { id: identity.agentId, version: identity.agentVersion },
  }
}
