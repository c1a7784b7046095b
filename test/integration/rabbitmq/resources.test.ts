import { connect } from 'amqplib'
import { describe, test, type TestContext } from 'vitest'
import { queueKey, readManagement } from '../../../agent/sources/resources/queue-readings.ts'
import { createResourcesSource, type ResourcesDeps } from '../../../agent/sources/resources/resources.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { api, collector, testIdentity, unique } from './harness.ts'

// Each reads for several intervals of five seconds: side by side.
describe.concurrent.each(['rabbit310', 'rabbit40'] as const)('the resources of %s', (name) => {
  const rabbit = () => shared()[name]

  async function read(
    { onTestFinished }: TestContext,
    changes: Partial<ResourcesDeps['resources']> = {},
    isElected = true,
  ) {
    const { managementUrl: url, prometheusUrl } = rabbit()
    const sink = collector()
    const identity = testIdentity()
    const login = { username: 'guest', password: new Secret('guest') }
    const source = createResourcesSource({
      resources: { url, prometheusUrl, ...login, interval: 5000, queues: 'changed', ...changes },
      isElected: () => isElected,
      identity,
      emit: sink.emit,
      log: silentLogger,
      metrics: createMetrics(),
      now: Date.now,
    })
    const started = await source.start()
    onTestFinished(() => started.stop())
    return { sink, identity, started }
  }

  async function filled({ onTestFinished }: TestContext, messages: number) {
    const queue = unique('depth-')
    const connection = await connect(rabbit().amqpUrl)
    onTestFinished(() => connection.close())
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(queue, { durable: true })
    onTestFinished(async () => void (await api(rabbit()).call('DELETE', `/queues/%2F/${queue}`)))
    for (let n = 0; n < messages; n++) channel.sendToQueue(queue, Buffer.from('x'))
    await channel.waitForConfirms()
    return { queue, channel }
  }

  test('are read with their units, and its node is learned', async (context) => {
    const { expect } = context
    const { sink, identity } = await read(context)
    const event = await eventually(() => sink.find(({ event: { dataset } }) => dataset === 'rabbitmq.node'))
    const { mem_used_bytes: used, mem_limit_bytes: limit, mem_alarm: alarm } = event.rabbitmq?.node ?? {}
    expect(Number(used)).toBeGreaterThan(10_000_000)
    expect(Number(limit)).toBeGreaterThan(Number(used))
    expect(alarm).toBe(false)
    expect(identity.node()).toBe(rabbit().nodeName)
    expect(sink.emitted[0]?.topic).toBe('METRIC')
  })

  test('tell each queue’s depth, and again only what has changed', async (context) => {
    const { expect } = context
    const { queue, channel } = await filled(context, 3)
    const { sink } = await read(context)
    const told = () => sink.events().filter(({ rabbitmq }) => rabbitmq?.queue === queue)
    // The broker counts a queue's messages every five seconds.
    await eventually(() => told().at(-1)?.rabbitmq?.queue_stats?.['messages_ready'] === 3, { what: 'three messages' })
    const before = told().length
    await eventually(() => sink.events().filter(({ event }) => event.dataset === 'rabbitmq.node').length >= 3)
    expect(told(), 'nothing changed').toHaveLength(before)
    await channel.purgeQueue(queue)
    await eventually(() => told().at(-1)?.rabbitmq?.queue_stats?.['messages_ready'] === 0, { what: 'the purge' })
  })

  test('tell each queue’s depth by the management API where the Prometheus endpoint is not there', async (context) => {
    const { queue } = await filled(context, 3)
    // The broker counts a queue's messages every five seconds, and this way is taken once a minute.
    const account = { url: rabbit().managementUrl, username: 'guest', password: new Secret('guest') }
    const isCounted = async () =>
      (await readManagement(account, AbortSignal.timeout(20_000))).get(queueKey('/', queue))?.messages === 3
    await eventually(isCounted, { what: 'the messages counted' })
    const { sink } = await read(context, { prometheusUrl: 'http://127.0.0.1:9' })
    const told = await eventually(() => sink.find(({ rabbitmq }) => rabbitmq?.queue === queue))
    context.expect(told.rabbitmq?.queue_stats).toMatchObject({ messages: 3, messages_ready: 3, messages_unacked: 0 })
  })

  test('tell of what type each queue is, so that rules can leave streams out', async (context) => {
    const stream = unique('stream-')
    const declared = { durable: true, arguments: { 'x-queue-type': 'stream' } }
    await api(rabbit()).call('PUT', `/queues/%2F/${stream}`, declared)
    context.onTestFinished(async () => void (await api(rabbit()).call('DELETE', `/queues/%2F/${stream}`)))
    const { queue } = await filled(context, 1)
    const { sink } = await read(context)
    const typeOf = (name: string) => sink.find(({ rabbitmq }) => rabbitmq?.queue === name)?.rabbitmq?.['type']
    await eventually(() => typeOf(queue) !== undefined && typeOf(stream) !== undefined, { what: 'both queues' })
    context.expect([typeOf(queue), typeOf(stream)]).toEqual(['classic', 'stream'])
  })

  test('have the cluster’s totals from the elected agent alone', async (context) => {
    const { expect } = context
    const [elected, other] = [await read(context), await read(context, {}, false)]
    const total = await eventually(() => elected.sink.find(({ event }) => event.dataset === 'rabbitmq.overview'))
    expect(Number(total.rabbitmq?.overview?.['queues'])).toBeGreaterThanOrEqual(0)
    await eventually(() => other.sink.find(({ event }) => event.dataset === 'rabbitmq.node'))
    expect(other.sink.find(({ event }) => event.dataset === 'rabbitmq.overview')).toBeUndefined()
  })
})
