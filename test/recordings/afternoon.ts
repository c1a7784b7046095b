import type { Channel, ChannelModel } from 'amqplib'
import type { Broker } from '../../demo/broker/start-broker.ts'
import { eventually } from '../servers/eventually.ts'
import { addresses, browser, dial, http } from './people.ts'
import type { Watched } from './watched.ts'

interface Scene {
  readonly broker: Broker
  readonly watched: Watched
  readonly shop: ChannelModel
  readonly channel: Channel
}

type Step = readonly [title: string, act: (scene: Scene) => Promise<unknown>]

/** Between two steps stands a queue made and deleted: whatever is told before it belongs to the steps before. */
export const markerPrefix = 'mon.marker-'

const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'orders.dead' }
const isQueue = (name: string, action: string) => (event: Watched['events'][number]) =>
  event.event.action === action && event.rabbitmq?.queue === name

const steps: readonly Step[] = [
  [
    'the shop opens',
    async ({ channel }) => {
      await channel.assertExchange('orders', 'topic', { durable: true })
      await channel.assertQueue('orders.dead', { durable: true })
      await channel.assertQueue('orders.new', { durable: true, arguments: dead })
      await channel.bindQueue('orders.new', 'orders', 'order.#')
      await channel.consume('orders.new', (message) => message && channel.reject(message, false), {
        consumerTag: 'picker',
      })
    },
  ],
  [
    'an order is rejected, and lies among the dead letters',
    async ({ channel, watched }) => {
      channel.publish('orders', 'order.created', Buffer.from('{"order":1}'), { messageId: 'order-1' })
      await eventually(async () => (await channel.checkQueue('orders.dead')).messageCount === 1)
      await channel.get('orders.dead', { noAck: true })
      await watched.see('the dead letter read', ({ amqp, rabbitmq }) => {
        return amqp?.operation === 'basic.deliver' && rabbitmq?.queue === 'orders.dead'
      })
    },
  ],
  [
    'a stranger tries a password',
    ({ broker }) => {
      const attempt = { user: 'shop', password: 'guessed', from: addresses.stranger, name: 'who knows' }
      return dial(broker, attempt).catch(() => {})
    },
  ],
  [
    'alice changes permissions, policies and users',
    async ({ broker }) => {
      await http(broker, 'PUT', '/permissions/%2F/shop', {
        body: { configure: '.*', write: '.*', read: '^(orders|gone)' },
      })
      const policy = { pattern: '^orders', definition: { 'message-ttl': 60_000 }, 'apply-to': 'queues' }
      await http(broker, 'PUT', '/policies/%2F/ttl', { body: policy })
      await http(broker, 'DELETE', '/policies/%2F/ttl')
      await http(broker, 'PUT', '/users/eve', { body: { password: 'eve', tags: 'monitoring' } })
      await http(broker, 'DELETE', '/users/eve')
    },
  ],
  [
    'alice purges a queue in her browser',
    ({ broker }) => http(broker, 'DELETE', '/queues/%2F/orders.new/contents', { agent: browser }),
  ],
  [
    'queues are deleted by CLI, by HTTP and by AMQP',
    async ({ broker, channel }) => {
      for (const queue of ['by.cli', 'by.http', 'by.amqp']) await channel.assertQueue(queue, { durable: true })
      await broker.ctl('delete_queue', 'by.cli')
      await http(broker, 'DELETE', '/queues/%2F/by.http')
      await channel.deleteQueue('by.amqp')
    },
  ],
  [
    'the shop’s own account deletes over HTTP while its connection is open',
    async ({ broker, channel }) => {
      await channel.assertQueue('by.hand', { durable: true })
      await http(broker, 'DELETE', '/queues/%2F/by.hand', { user: 'shop', from: addresses.billing })
    },
  ],
  [
    'with two connections of one user open, nobody can say which it was',
    async ({ broker, channel }) => {
      const billing = await dial(broker, { user: 'shop', from: addresses.billing, name: 'billing' })
      const other = await billing.createChannel()
      await other.assertQueue('by.one-of-two', { durable: true })
      await channel.deleteQueue('by.one-of-two')
      await billing.close()
    },
  ],
  [
    'the broker deletes what is exclusive, auto-delete or expired',
    async ({ broker, channel, watched }) => {
      await channel.assertQueue('gone.expired', { durable: true, arguments: { 'x-expires': 300 } })
      const guest = await dial(broker, { user: 'shop', from: addresses.billing, name: 'a passer-by' })
      const own = await guest.createChannel()
      await own.assertQueue('gone.exclusive', { exclusive: true })
      await own.assertQueue('gone.auto-delete', { autoDelete: true, durable: true })
      await own.consume('gone.auto-delete', () => {}, { consumerTag: 'last' })
      await own.cancel('last')
      await guest.close()
      for (const name of ['gone.expired', 'gone.exclusive', 'gone.auto-delete'])
        await watched.see(`${name} deleted`, isQueue(name, 'queue.deleted'))
    },
  ],
  [
    'a channel fails',
    async ({ broker, watched }) => {
      const clumsy = await dial(broker, { user: 'shop', from: addresses.billing, name: 'clumsy' })
      const failing = await clumsy.createChannel()
      failing.on('error', () => {})
      await failing.checkQueue('never.declared').catch(() => {})
      await watched.see('the error', ({ event }) => event.code === 'object-not-found')
      await clumsy.close()
    },
  ],
  [
    'alice closes a connection',
    async ({ broker }) => {
      const late = await dial(broker, { user: 'shop', from: addresses.billing, name: 'left open' })
      const closed = new Promise((resolve) => void late.once('close', resolve))
      const { localAddress, localPort } = (
        late.connection as unknown as { stream: { localAddress: string; localPort: number } }
      ).stream
      const name = `${localAddress}:${localPort} -> 127.0.0.1:${broker.amqpPort}`
      await eventually(async () => (await http(broker, 'DELETE', `/connections/${encodeURIComponent(name)}`)) === 204)
      await closed
    },
  ],
  [
    'memory runs short, and is there again',
    async ({ broker, watched }) => {
      await broker.ctl('set_vm_memory_high_watermark', 'absolute', '1000000')
      await watched.see('the alarm', ({ amqp }) => amqp?.operation === 'alarm.set')
      await broker.ctl('set_vm_memory_high_watermark', '0.6')
      await watched.see('its end', ({ amqp }) => amqp?.operation === 'alarm.clear')
    },
  ],
  ['the shop closes', ({ shop }) => shop.close()],
  [
    'the node restarts, and alice goes on',
    async ({ broker, watched }) => {
      await broker.halt()
      await broker.start()
      // Tracing is off after a restart: the firehose is not ready, and says so.
      await watched.ready('log-files', 'events')
      await http(broker, 'PUT', '/queues/%2F/next.day', { body: { durable: true } })
    },
  ],
]

export const titles: readonly string[] = steps.map(([title]) => title)

/** An afternoon on a broker that is watched: each step is over when all that it brought about has been told. */
export async function spend(broker: Broker, watched: Watched): Promise<void> {
  await broker.api('PUT', '/api/users/alice', { password: 'alice', tags: 'administrator' })
  await broker.api('PUT', '/api/users/shop', { password: 'shop', tags: 'management' })
  for (const user of ['alice', 'shop'])
    await broker.api('PUT', `/api/permissions/%2F/${user}`, { configure: '.*', write: '.*', read: '.*' })
  await watched.ready()
  const early = await dial(broker, { user: 'alice', from: addresses.alice, name: 'an early bird' })
  await untilComplete(await early.createChannel(), watched)
  await early.close()
  await mark(broker, watched, 'start')
  const shop = await dial(broker, { user: 'shop', from: addresses.checkout, name: 'checkout' })
  const scene = { broker, watched, shop, channel: await shop.createChannel() }
  for (const [index, [, act]] of steps.entries()) {
    await act(scene)
    await mark(broker, watched, String(index))
  }
}

/** Only once the broker's list was read can a deed be given to the one connection that was open. */
async function untilComplete(channel: Channel, watched: Watched): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `mon.probe-${n}`
    await channel.assertQueue(name, { durable: true })
    const { rabbitmq } = await watched.see('the probe', isQueue(name, 'queue.created'))
    await channel.deleteQueue(name)
    if (rabbitmq?.connection !== undefined) return
    await new Promise((resolve) => void setTimeout(resolve, 300))
  }
}

/** One in each stream: the events, the access log, the broker's log. Each is read in order. */
async function mark(broker: Broker, watched: Watched, step: string): Promise<void> {
  const name = `${markerPrefix}${step}`
  await http(broker, 'PUT', `/queues/%2F/${name}`, { body: {} })
  await http(broker, 'DELETE', `/queues/%2F/${name}`)
  await http(broker, 'GET', '/whoami', { user: name })
  await watched.see(`${name} in the events`, isQueue(name, 'queue.deleted'))
  await watched.see(`${name} in the access log`, ({ event, url, http: line }) => {
    return event.dataset === 'rabbitmq.access' && line?.request?.method === 'DELETE' && url?.path?.endsWith(name)
  })
  await watched.see(
    `${name} in the log`,
    ({ event, message }) => event.dataset === 'rabbitmq.log' && message.includes(name),
  )
}
