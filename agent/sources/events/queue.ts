import type { Channel } from 'amqplib'

export const eventExchange = 'amq.rabbitmq.event'
/** Where the plugin is missing or access refused: what an administrator runs. */
export interface EventQueueOptions {
  readonly queue: string
  readonly maxLength: number
}

/** What the plugin tells, without the noise of `#`: statistics of nodes every five seconds. */
export const bindingKeys = [
  'queue.#',
  'exchange.#',
  'binding.#',
  'policy.#',
  'operator.#',
  'parameter.#',
  'vhost.#',
  'user.#',
  'permission.#',
  'topic.#',
  'alarm.#',
  'shovel.#',
  'federation.#',
  'maintenance.#',
  'node.added',
  'node.deleted',
  'plugins.#',
  'connection.*',
  'channel.*',
  'consumer.*',
] as const

export const queueArguments = (maxLength: number) => ({
  'x-max-length': maxLength,
  'x-max-length-bytes': 64 * 2 ** 20,
  'x-overflow': 'drop-head',
  'x-single-active-consumer': true,
})

/** Declares and binds; both are idempotent. */
export async function declareEventQueue(channel: Channel, { queue, maxLength }: EventQueueOptions): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments(maxLength) })
  await bindEvents(channel, queue)
}

export async function bindEvents(channel: Channel, queue: string): Promise<void> {
  for (const key of bindingKeys) await channel.bindQueue(queue, eventExchange, key)
}
