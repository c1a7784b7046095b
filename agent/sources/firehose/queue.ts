import type { Channel } from 'amqplib'
import { randomBytes } from 'node:crypto'
import { ownQueuePrefix } from '../../broker/own-names.ts'

export const traceExchange = 'amq.rabbitmq.trace'

/** What the broker may keep for us at most; beyond it the oldest goes, silently. */
export const maxQueueLength = 10_000
const maxQueueBytes = 32 * 2 ** 20

/** Patterns as AMQP topic patterns on names of exchanges and queues; a name may hold dots, so `#` and not `*` is "all". */
export interface TraceBindings {
  readonly publish: readonly string[]
  readonly deliver: readonly string[]
}

/** `publish.` with nothing behind it is the default exchange. */
export function bindingKeysOf({ publish, deliver }: TraceBindings): string[] {
  const exchange = (pattern: string) => (pattern === 'amq.default' ? '' : pattern)
  return [
    ...publish.map((pattern) => `publish.${exchange(pattern)}`),
    ...deliver.map((pattern) => `deliver.${pattern}`),
  ]
}

/**
 * A queue that is gone with its connection, whatever becomes of the agent: exclusive, bounded, never dead-lettering.
 * `onlyNode`: in a cluster each queue is given every node's traces; a headers exchange between lets one node's through.
 */
export async function declareTraceQueue(
  channel: Channel,
  bindings: TraceBindings,
  onlyNode: string | undefined,
): Promise<string> {
  // A new name each time: the broker may still hold the queue of a connection that broke.
  const queue = `${ownQueuePrefix}fh.${randomBytes(9).toString('base64url')}`
  await channel.assertQueue(queue, {
    exclusive: true,
    autoDelete: true,
    durable: false,
    arguments: {
      'x-max-length': maxQueueLength,
      'x-max-length-bytes': maxQueueBytes,
      'x-overflow': 'drop-head',
    },
  })
  const keys = bindingKeysOf(bindings)
  if (onlyNode === undefined) {
    for (const key of keys) await channel.bindQueue(queue, traceExchange, key)
    return queue
  }
  await channel.assertExchange(queue, 'headers', { durable: false, autoDelete: true })
  await channel.bindQueue(queue, queue, '', { 'x-match': 'all', node: onlyNode })
  for (const key of keys) await channel.bindExchange(queue, traceExchange, key)
  return queue
}
