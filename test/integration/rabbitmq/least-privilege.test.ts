import { type Channel, connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import { grant } from '../../../agent/broker/least-privilege.ts'
import { askManagement, RefusedLogin } from '../../../agent/broker/management.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { declareEventQueue } from '../../../agent/sources/events/queue.ts'
import { type SharedRabbit, shared } from '../../servers/shared.ts'
import { api, unique } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe.each(['rabbit310', 'rabbit40'] as const)('the account that `thump setup rabbitmq` makes on %s', (name) => {
  const rabbit = (): SharedRabbit => shared()[name]

  async function account() {
    const [user, business] = [unique('mon-'), unique('business-')]
    const admin = api(rabbit())
    await admin.call('PUT', `/users/${user}`, { password: 'pw', tags: 'monitoring' })
    cleanups.push(() => admin.call('DELETE', `/users/${user}`))
    await admin.call('PUT', `/permissions/%2F/${user}`, grant)
    await admin.call('PUT', `/queues/%2F/${business}`, { durable: true })
    cleanups.push(() => admin.call('DELETE', `/queues/%2F/${business}`))
    const url = new URL(rabbit().amqpUrl)
    const connection = await connect({ hostname: url.hostname, port: Number(url.port), username: user, password: 'pw' })
    connection.on('error', () => {})
    cleanups.push(() => connection.close().catch(() => {}))
    const attempt = async (work: (channel: Channel) => Promise<unknown>) => {
      const channel = await connection.createChannel()
      channel.on('error', () => {})
      await work(channel)
      await channel.close()
    }
    return { user, business, attempt, admin }
  }

  test('suffices for the event queue and the cheap readings', async () => {
    const { user, attempt, admin } = await account()
    const queue = unique('mon.priv-')
    cleanups.push(() => admin.call('DELETE', `/queues/%2F/${queue}`))
    await attempt(async (channel) => {
      await declareEventQueue(channel, { queue, maxLength: 1000 })
      await channel.consume(queue, () => {})
      await channel.deleteQueue(queue)
    })
    const lists = ['/nodes?columns=name', '/connections?columns=name', '/queues?disable_stats=true&columns=name']
    for (const path of [`/nodes/${rabbit().nodeName}`, '/overview', ...lists])
      expect((await admin.call('GET', path, undefined, user, 'pw')).status, path).toBe(200)
  })

  test.each([
    ['read', (channel: Channel, queue: string) => channel.get(queue)],
    ['consume', (channel: Channel, queue: string) => channel.consume(queue, () => {})],
    ['purge', (channel: Channel, queue: string) => channel.purgeQueue(queue)],
    ['delete', (channel: Channel, queue: string) => channel.deleteQueue(queue)],
    ['bind', (channel: Channel, queue: string) => channel.bindQueue(queue, 'amq.topic', '#')],
    ['redeclare', (channel: Channel, queue: string) => channel.assertQueue(queue, { durable: true })],
  ])('cannot %s a business queue', async (_, work) => {
    const { business, attempt } = await account()
    await expect(attempt((channel) => work(channel, business))).rejects.toThrow(/403|ACCESS/)
  })

  test('cannot make users nor switch tracing', async () => {
    const { user, admin } = await account()
    expect((await admin.call('PUT', `/users/${unique('x')}`, { password: 'x', tags: '' }, user, 'pw')).status).toBe(401)
    expect((await admin.call('PUT', '/vhosts/%2F', { tracing: true }, user, 'pw')).status).toBe(401)
  })
})

describe.each(['rabbit310', 'rabbit40'] as const)('a login that the management API of %s refuses', (name) => {
  test.each([
    ['without a tag', '', 'pw', "'USER' lacks the tag 'monitoring'", "rabbitmqctl set_user_tags 'USER' monitoring"],
    [
      'with too small a tag',
      'management',
      'pw',
      "'USER' lacks the tag 'monitoring'",
      "rabbitmqctl set_user_tags 'USER' monitoring",
    ],
    [
      'with a wrong password',
      'monitoring',
      'no',
      "'USER' is unknown or the password is wrong",
      "rabbitmqctl change_password 'USER'",
    ],
    ['of nobody', undefined, 'no', "'USER' is unknown or the password is wrong", 'thump setup rabbitmq to make a user'],
  ])('%s is told by its cause, with what mends it', async (_, tags, password, why, fix) => {
    const user = unique('refused-')
    const { managementUrl: url } = shared()[name]
    const admin = api(shared()[name])
    if (tags !== undefined) {
      await admin.call('PUT', `/users/${user}`, { password: 'pw', tags })
      cleanups.push(() => admin.call('DELETE', `/users/${user}`))
    }
    const never = new AbortController().signal
    const error: unknown = await askManagement(
      { url, username: user, password: new Secret(password) },
      '/nodes',
      never,
    ).catch((cause: unknown) => cause)
    const refused = (error as Error).cause as RefusedLogin
    expect(refused).toBeInstanceOf(RefusedLogin)
    expect(refused.message).toContain(why.replace('USER', user))
    expect(refused.fix).toContain(fix.replace('USER', user))
  })
})
