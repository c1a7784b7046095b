import type { Channel, ChannelModel } from 'amqplib'

export const eventExchange = 'amq.rabbitmq.event'

export interface EventQueueOptions {
  readonly queue: string
  readonly maxLength: number
  /** Quorum in a cluster: the events of all nodes outlive any one of them. Undefined = as it is, classic where it is not yet. */
  readonly type?: 'classic' | 'quorum' | undefined
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

/** A classic queue names no type: so did all that were declared before there was a choice. */
export const queueArguments = (maxLength: number, type?: EventQueueOptions['type']) => ({
  'x-max-length': maxLength,
  'x-max-length-bytes': 64 * 2 ** 20,
  'x-overflow': 'drop-head',
  'x-single-active-consumer': true,
  ...(type === 'quorum' && { 'x-queue-type': 'quorum' }),
})

/** Declares and binds; both are idempotent. */
export async function declareEventQueue(
  channel: Channel,
  { queue, maxLength, type }: EventQueueOptions,
): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments(maxLength, type) })
  await bindEvents(channel, queue)
}

export async function bindEvents(channel: Channel, queue: string): Promise<void> {
  for (const key of bindingKeys) await channel.bindQueue(queue, eventExchange, key)
}

export async function unbindEvents(channel: Channel, queue: string): Promise<void> {
  for (const key of bindingKeys) await channel.unbindQueue(queue, eventExchange, key)
}

/** A channel of its own for a question that may fail: the broker closes the channel with the error. Throws that error. */
export async function onOwnChannel<T>(connection: ChannelModel, ask: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.createChannel()
  let failure: unknown
  channel.on('error', (error) => (failure = error))
  try {
    const answer = await ask(channel)
    await channel.close()
    return answer
  } catch (error) {
    throw failure ?? error
  }
}
