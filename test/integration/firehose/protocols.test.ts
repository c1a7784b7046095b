import { connect as connectTcp, createServer } from 'node:net'
import { once } from 'node:events'
import { connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import { freePorts } from '../../../demo/broker/free-ports.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { eventually } from '../../servers/eventually.ts'
import { startRabbitmq } from '../../servers/rabbitmq.ts'
import { shared } from '../../servers/shared.ts'
import { fakeManagement, ownVhost, watchFirehose } from './harness.ts'
import { mqttClient, stompClient } from './other-protocols.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const plugins = ['management', 'prometheus', 'mqtt', 'stomp', 'shovel', 'amqp1_0'].map((name) => `rabbitmq_${name}`)

describe.each([
  ['3.10', '/queue/to', ''],
  // It stamps what comes in: latency is then by its clock.
  ['4.0', '/queues/to', 'message_interceptors.incoming.set_header_timestamp.overwrite = true'],
] as const)('RabbitMQ %s', (version, address, stamping) => {
  test('tells of MQTT, STOMP and AMQP 1.0 sessions as of any other, and its coverage is not fooled by them', async () => {
    const [mqttPort = 0, stompPort = 0] = await freePorts(2)
    const listeners = `mqtt.listeners.tcp.1 = 127.0.0.1:${mqttPort}\nstomp.listeners.tcp.1 = 127.0.0.1:${stompPort}`
    const extraConfig = `${listeners}\n${stamping}`
    const { value: broker, stop } = await startRabbitmq(version, { plugins, extraConfig })
    cleanups.push(stop)
    await broker.ctl('trace_on')
    const rabbit = { ...broker, amqpUrl: broker.amqpUrl }
    const { ready, traces, metric } = await watchFirehose(rabbit, '/', cleanups)
    await ready()
    const pairOf = (matches: (event: ThumpEvent) => boolean) =>
      eventually(() => {
        const found = traces().filter(matches)
        const [publish, deliver] = ['basic.publish', 'basic.deliver'].map((name) =>
          found.find(({ amqp }) => amqp?.operation === name),
        )
        return publish && deliver && { publish, deliver }
      })

    const mqtt = await mqttClient(mqttPort, 'sensor/1')
    cleanups.push(() => Promise.resolve(mqtt.close()))
    mqtt.publish('sensor/1', 'warm')
    const byMqtt = await pairOf(({ rabbitmq }) => rabbitmq?.routing_keys?.[0] === 'sensor.1')
    expect(byMqtt.publish.rabbitmq).toMatchObject({ exchange: 'amq.topic', unroutable: false })
    expect(byMqtt.deliver.rabbitmq?.queue).toMatch(/^mqtt-subscription-/)
    expect(byMqtt.publish).toMatchObject({ user: { name: 'guest' }, source: { ip: '127.0.0.1' } })

    const stomp = await stompClient(stompPort, '/queue/stomped')
    cleanups.push(() => Promise.resolve(stomp.close()))
    stomp.publish('/queue/stomped', 'hello')
    const byStomp = await pairOf(({ rabbitmq }) => rabbitmq?.routing_keys?.[0] === 'stomped')
    expect(byStomp.publish.amqp).toMatchObject({ headers: { 'x-note': 'by stomp' }, body: { bytes: 5 } })
    expect(byStomp.deliver.rabbitmq).toMatchObject({ queue: 'stomped', exchange: 'amq.default' })

    expect(byStomp.deliver.rabbitmq?.latency_clock).toBe(stamping === '' ? undefined : 'broker')
    if (stamping !== '') expect(byStomp.deliver.rabbitmq?.latency_ms).toBeLessThan(60_000)

    // The broker's own shovel is an AMQP 1.0 client.
    const connection = await connect(broker.amqpUrl)
    connection.on('error', () => {})
    cleanups.push(() => connection.close().catch(() => {}))
    const channel = await connection.createChannel()
    for (const queue of ['from', 'to']) await channel.assertQueue(queue)
    const uri = broker.amqpUrl.replace('//', '//guest:guest@')
    const source = { 'src-protocol': 'amqp091', 'src-uri': uri, 'src-queue': 'from' }
    const target = { 'dest-protocol': 'amqp10', 'dest-uri': `${uri}?sasl=plain`, 'dest-address': address }
    await broker.api('PUT', '/api/parameters/shovel/%2F/one', { value: { ...source, ...target } })
    channel.sendToQueue('from', Buffer.from('one.oh'), { messageId: 'm-1' })
    await eventually(() => channel.get('to', { noAck: true }))
    const byAmqp10 = await pairOf(({ rabbitmq }) => rabbitmq?.routing_keys?.[0] === 'to')
    expect(byAmqp10.publish).toMatchObject({
      rabbitmq: { exchange: 'amq.default', routed_queues: ['to'] },
      amqp: { properties: { message_id: 'm-1' }, body: { bytes: 6 } },
      user: { name: 'guest' },
    })
    expect(Object.keys(byAmqp10.publish.amqp?.headers ?? {}).filter((key) => key.startsWith('x-amqp-1.0'))).toEqual([])

    // Enough of what the broker counts, and of what it does not.
    for (let n = 0; n < 50; n++) mqtt.publish('sensor/1', 'x')
    for (let n = 0; n < 50; n++) channel.publish('amq.fanout', '', Buffer.from('x'))
    await eventually(async () => (await metric('thump_firehose_coverage_ratio')) === 1, { what: 'all of it covered' })
    expect(await metric('thump_firehose_broker_dropped_estimate')).toBe(0)
  })
})

test('RabbitMQ 3.13.0 to 3.13.4 are refused with the reason and the command, which is not "tracing is off"', async () => {
  const rabbit = shared().rabbit310
  const { vhost, client, traceQueues } = await ownVhost(rabbit, cleanups)
  // A broker that says so of itself: the greeting of 3.10, of the same length, is changed on its way.
  const target = new URL(rabbit.amqpUrl)
  const server = createServer((socket) => {
    const upstream = connectTcp(Number(target.port), target.hostname)
    socket.on('error', () => upstream.destroy()).pipe(upstream)
    upstream.on('error', () => socket.destroy())
    upstream.on('close', () => socket.destroy())
    upstream.on('data', (chunk) => {
      const at = chunk.indexOf('3.10.8')
      socket.write(
        at < 0 ? chunk : Buffer.concat([chunk.subarray(0, at), Buffer.from('3.13.2'), chunk.subarray(at + 6)]),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => new Promise((resolve) => void server.close(resolve)))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const amqp = { url: [`amqp://127.0.0.1:${port}`], username: 'guest', password: new Secret('guest') }
  const { broker, account } = await fakeManagement(vhost, cleanups)
  Object.assign(broker, { version: '3.13.2', isTracing: false })
  const deps = { amqp, management: account, tracing: account }
  const { started, traces } = await watchFirehose(rabbit, vhost, cleanups, deps)
  const detail = await eventually(() => {
    const state = started.value.ready()
    return !state.ok && state.detail?.includes('3.13.2') ? state.detail : undefined
  })
  expect(detail).toContain('upgrade to 3.13.5')
  expect(detail).toContain(`rabbitmqctl trace_off -p '${vhost}'`)
  const channel = await client()
  channel.publish('amq.fanout', '', Buffer.from('x'))
  await channel.checkExchange('amq.fanout')
  expect(await traceQueues()).toEqual([])
  expect(traces()).toEqual([])
  await eventually(() => broker.looks > 3)
  expect(broker.switched, 'never switched on').toEqual([])
})
