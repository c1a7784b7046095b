import { connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { type SharedRabbit, shared } from '../../servers/shared.ts'
import { startWatching } from './event-source.ts'
import { api, unique } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const watch = (rabbit: SharedRabbit, request: Parameters<typeof startWatching>[2] = {}) =>
  startWatching(rabbit, cleanups, request)

async function client(rabbit: SharedRabbit, name: string) {
  const url = new URL(rabbit.amqpUrl)
  const connection = await connect(
    { hostname: url.hostname, port: Number(url.port), username: 'guest', password: 'guest' },
    { clientProperties: { connection_name: name } },
  )
  connection.on('error', () => {})
  const close = () => connection.close().catch(() => {})
  cleanups.push(close)
  return { channel: await connection.createChannel(), close }
}

describe.each(['rabbit310', 'rabbit40'] as const)('the event exchange of %s', (name) => {
  const rabbit = () => shared()[name]

  test('tells of a queue declared and deleted, by whom, and what it was', async () => {
    const { sink, ready, identity } = await watch(rabbit())
    await ready()
    const queue = unique('orders-')
    const { channel } = await client(rabbit(), 'order-service')
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-expires': 60_000 } })
    await channel.deleteQueue(queue)
    const deleted = await eventually(() =>
      sink.find((e) => e.amqp?.operation === 'queue.delete' && e.rabbitmq?.queue === queue),
    )
    expect(deleted.user?.name).toBe('guest')
    expect(deleted.rabbitmq?.vhost).toBe('/')
    expect(deleted.event.action).toBe('queue.deleted')
    expect(deleted.message).toBe(`queue '${queue}' deleted in vhost '/' by 'guest'`)
    const declared = sink.find((e) => e.amqp?.operation === 'queue.declare' && e.rabbitmq?.queue === queue)
    expect(declared?.rabbitmq).toMatchObject({ durable: true, exclusive: false, arguments: { 'x-expires': 60_000 } })
    await eventually(() => identity.node() === rabbit().nodeName, { what: 'the node learned' })
    expect(sink.emitted[0]?.key).toBe(`${identity.cluster()}/events`)
  })

  test('tells where a connection came from and the name its client gave', async () => {
    const { sink, ready } = await watch(rabbit())
    await ready()
    const clientName = unique('billing-')
    const { close } = await client(rabbit(), clientName)
    const opened = await eventually(() =>
      sink.find((e) => e.amqp?.operation === 'connection.open' && e.client?.name === clientName),
    )
    expect(opened.source?.ip).toBe('127.0.0.1')
    expect(opened.rabbitmq?.connection).toMatch(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)
    await close()
    await eventually(() =>
      sink.find(
        (e) => e.amqp?.operation === 'connection.close' && e.rabbitmq?.connection === opened.rabbitmq?.connection,
      ),
    )
  })

  test('marks what is its own and no one else’s', async () => {
    const { sink, ready, queue } = await watch(rabbit())
    await ready()
    const foreign = unique('shop-')
    const { channel } = await client(rabbit(), 'shop')
    await channel.assertQueue(foreign, { exclusive: true })
    const theirs = await eventually(() => sink.find((e) => e.rabbitmq?.queue === foreign))
    expect(theirs.tags).toBeUndefined()
    for (const event of sink.events().filter((e) => e.rabbitmq?.queue === queue))
      expect(event.tags).toEqual(['thump-internal'])
  })

  test('gives every refused login, and tells no password', async () => {
    const { sink, ready } = await watch(rabbit())
    await ready()
    const user = unique('nobody-')
    const url = new URL(rabbit().amqpUrl)
    await expect(
      connect({ hostname: url.hostname, port: Number(url.port), username: user, password: 'hunter2-secret' }),
    ).rejects.toThrow()
    const failed = await eventually(() =>
      sink.find((e) => e.amqp?.operation === 'login.failure' && e.user?.name === user),
    )
    expect(failed.event.outcome).toBe('failure')
    expect(failed.source?.ip).toBe('127.0.0.1')
    expect(failed.rabbitmq?.['reason']).toContain(user)
    expect(JSON.stringify(sink.emitted)).not.toContain('hunter2-secret')
  })

  test('acknowledges only what the transport has: what was held is read again by the next agent, under the same id', async () => {
    const first = await watch(rabbit())
    await first.ready()
    first.sink.hold()
    const queue = unique('held-')
    await api(rabbit()).call('PUT', `/queues/%2F/${queue}`, { durable: false, auto_delete: false })
    cleanups.push(() => api(rabbit()).call('DELETE', `/queues/%2F/${queue}`))
    await first.started.stop()
    expect(first.sink.find((e) => e.rabbitmq?.queue === queue)).toBeUndefined()
    const second = await watch(rabbit(), { queue: first.queue })
    const third = await watch(rabbit())
    await Promise.all([second.ready(), third.ready()])
    const seen = await eventually(() =>
      second.sink.find((e) => e.rabbitmq?.queue === queue && e.event.action === 'queue.created'),
    )
    expect(seen.event.id).toHaveLength(22)
  })

  test('declares its queue anew when it is deleted under it', async () => {
    const { sink, ready, queue } = await watch(rabbit())
    await ready()
    await api(rabbit()).call('DELETE', `/queues/%2F/${queue}`)
    const after = unique('after-')
    await eventually(async () => (await api(rabbit()).call('GET', `/queues/%2F/${queue}`)).status === 200, {
      what: 'the queue declared anew',
    })
    await ready()
    const { channel } = await client(rabbit(), 'later')
    // The binding set takes its moment: declared until one is seen.
    await eventually(
      async () => {
        await channel.assertQueue(after, { exclusive: true })
        await channel.deleteQueue(after)
        return sink.find((e) => e.rabbitmq?.queue === after)
      },
      { everyMs: 200 },
    )
  })

  test('says the exact command when its user may not read the event exchange', async () => {
    const user = unique('weak-')
    await api(rabbit()).call('PUT', `/users/${user}`, { password: 'pw', tags: '' })
    cleanups.push(() => api(rabbit()).call('DELETE', `/users/${user}`))
    await api(rabbit()).call('PUT', `/permissions/%2F/${user}`, {
      configure: '^mon\\.',
      write: '^mon\\.',
      read: '^mon\\.',
    })
    const { started } = await watch(rabbit(), { account: [user, 'pw'] })
    const { detail } = await eventually(() => {
      const state = started.value.ready()
      return state.detail?.includes('rabbitmqctl') ? state : undefined
    })
    expect(detail).toContain(
      `rabbitmqctl set_permissions -p '/' '${user}' '^mon\\.' '^mon\\.' '^(mon\\..*|amq\\.rabbitmq\\.(trace|event|log))$'`,
    )
  })
})
