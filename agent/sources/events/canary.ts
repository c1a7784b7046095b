import type { ChannelModel } from 'amqplib'
import { randomUUID } from 'node:crypto'
import { ownQueuePrefix } from '../../broker/own-names.ts'
import { eventExchange, onOwnChannel } from './queue.ts'

export interface Canary {
  /** No queue was told of to it since this was asked last. */
  isSilent(): Promise<boolean>
  /** As at first; harmless where nothing was lost. */
  bind(): Promise<void>
}

/**
 * A queue of one message that lives as long as the connection, bound beside the event queue. Where a probe is heard and the
 * canary is silent, the exchange was deleted and made anew, and every older binding is gone. Binding the event queue again
 * at each probe would do without it, but RabbitMQ 4.0 tells of every binding, made before or not.
 */
export async function openCanary(connection: ChannelModel): Promise<Canary> {
  const queue = `${ownQueuePrefix}canary.${randomUUID()}`
  const bind = () =>
    onOwnChannel(connection, async (channel) => {
      await channel.bindQueue(queue, eventExchange, 'queue.created')
    })
  await onOwnChannel(connection, (channel) =>
    channel.assertQueue(queue, { exclusive: true, arguments: { 'x-max-length': 1 } }),
  )
  await bind()
  const isSilent = async () =>
    (await onOwnChannel(connection, (channel) => channel.purgeQueue(queue))).messageCount === 0
  return { isSilent, bind }
}
