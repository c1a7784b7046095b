import type { ChannelModel } from 'amqplib'
import { randomUUID } from 'node:crypto'
import { ownQueuePrefix } from '../../broker/own-names.ts'
import { eventExchange } from './queue.ts'

const patienceMs = 60_000

/**
 * Does this node tell what happens on it? Makes and deletes a queue of our own and waits for both events on another one,
 * which goes with the channel. Each node needs the plugin: the shared queue alone would not show that one has it not.
 */
export async function probeEvents(
  connection: ChannelModel,
  signal: AbortSignal,
  limitMs = patienceMs,
): Promise<boolean> {
  const name = `${ownQueuePrefix}probe.${randomUUID()}`
  const listener = `${name}.listener`
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  const patience = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  try {
    await channel.assertQueue(listener, { exclusive: true, autoDelete: true })
    for (const key of ['queue.created', 'queue.deleted']) await channel.bindQueue(listener, eventExchange, key)
    const awaited = new Set(['queue.created', 'queue.deleted'])
    const heard = new Promise<boolean>((resolve) => {
      patience.addEventListener('abort', () => resolve(false), { once: true })
      const onMessage = (routingKey: string, told: unknown) => {
        if (told === name) awaited.delete(routingKey)
        if (awaited.size === 0) resolve(true)
      }
      channel
        .consume(
          listener,
          (message) => message && onMessage(message.fields.routingKey, message.properties.headers?.['name']),
          { noAck: true },
        )
        .catch(() => resolve(false))
    })
    await channel.assertQueue(name, { exclusive: true })
    await channel.deleteQueue(name)
    return await heard
  } finally {
    await channel.close().catch(() => {})
  }
}
