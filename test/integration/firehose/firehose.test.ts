import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { unique } from '../rabbitmq/harness.ts'
import { guest, ownVhost, watchFirehose } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe.each(['rabbit310', 'rabbit40'] as const)('the firehose of %s', (name) => {
  const rabbit = () => shared()[name]

  test('tells of a publish and its delivery: where it went, by whom, with which properties', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, sink } = await watchFirehose(rabbit(), vhost, cleanups)
    await ready()
    const channel = await client()
    const queue = unique('shop.orders-')
    await channel.assertQueue(queue, { durable: false })
    await channel.assertExchange('shop.in', 'topic', { durable: false })
    await channel.bindQueue(queue, 'shop.in', 'order.#')
    channel.publish('shop.in', 'order.new', Buffer.from('{"total":7}'), {
      contentType: 'application/json',
      messageId: 'm-1',
      timestamp: 1_750_000_000,
      BCC: 'order.audit',
      headers: { shop: 'seoul', nested: { deep: [1, true] }, since: { '!': 'timestamp', value: 1_750_000_000 } },
    })
    const published = await eventually(() => sink.find((e) => e.amqp?.operation === 'basic.publish'))
    expect(published.event.dataset).toBe('rabbitmq.trace')
    expect(published.rabbitmq).toMatchObject({
      vhost,
      exchange: 'shop.in',
      routing_keys: ['order.new', 'order.audit'],
      routed_queues: [queue],
      unroutable: false,
      clock: 'agent',
      channel: 1,
    })
    expect(published.rabbitmq?.connection).toMatch(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)
    expect(published.source?.ip).toBe('127.0.0.1')
    expect(published.user?.name).toBe('guest')
    expect(published.service.node?.name).toBe(rabbit().nodeName)
    expect(published.amqp?.properties).toMatchObject({
      content_type: 'application/json',
      message_id: 'm-1',
      timestamp: '2025-06-15T15:06:40.000Z',
    })
    expect(published.amqp?.headers).toMatchObject({
      shop: 'seoul',
      nested: { deep: [1, true] },
      since: '2025-06-15T15:06:40.000Z',
    })
    expect(published.amqp?.body).toEqual({ bytes: 11 })
    const got = await channel.get(queue, { noAck: true })
    expect(got).not.toBe(false)
    const delivered = await eventually(() => sink.find((e) => e.amqp?.operation === 'basic.deliver'))
    expect(delivered.rabbitmq).toMatchObject({ queue, exchange: 'shop.in', redelivered: false, latency_clock: 'agent' })
    expect(delivered.rabbitmq?.latency_ms).toBeGreaterThanOrEqual(0)
    expect(sink.emitted[0]?.key).toBe('node/firehose')
  })

  test('knows the default exchange, what went nowhere, what came again, and a direct reply', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, sink } = await watchFirehose(rabbit(), vhost, cleanups)
    await ready()
    const channel = await client()
    const queue = unique('jobs-')
    await channel.assertQueue(queue, { durable: false })
    channel.sendToQueue(queue, Buffer.from('x'), { timestamp: 1_700_000_000_000 })
    const first = await eventually(() => sink.find((e) => e.rabbitmq?.exchange === 'amq.default'))
    expect(first.rabbitmq).toMatchObject({ routing_keys: [queue], routed_queues: [queue], unroutable: false })
    expect(first.amqp?.properties?.['timestamp']).toBeUndefined()
    const message = await channel.get(queue)
    if (message) channel.nack(message)
    await eventually(async () => (await channel.get(queue, { noAck: true })) !== false)
    await eventually(() => sink.find((e) => e.rabbitmq?.redelivered === true && e.rabbitmq.queue === queue))
    channel.publish('amq.topic', 'nobody.listens', Buffer.from(''))
    const lost = await eventually(() => sink.find((e) => e.rabbitmq?.exchange === 'amq.topic'))
    expect(lost.rabbitmq).toMatchObject({ unroutable: true, routed_queues: [] })
    expect(lost.message).toBe("published to exchange 'amq.topic' with key 'nobody.listens', routed to no queue")
    await channel.consume('amq.rabbitmq.reply-to', () => {}, { noAck: true })
    channel.sendToQueue(queue, Buffer.from('ask'), { replyTo: 'amq.rabbitmq.reply-to' })
    const asked = await eventually(() => channel.get(queue, { noAck: true }))
    channel.sendToQueue(asked.properties.replyTo as string, Buffer.from('answer'))
    const reply = await eventually(() =>
      sink.find((e) => e.rabbitmq?.routing_keys?.[0]?.startsWith('amq.rabbitmq.reply-to.')),
    )
    expect(reply.rabbitmq?.unroutable).not.toBe(true)
  })

  test('sees the death of what was dead-lettered', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, sink } = await watchFirehose(rabbit(), vhost, cleanups)
    await ready()
    const channel = await client()
    const [queue, grave] = [unique('work-'), unique('grave-')]
    await channel.assertQueue(grave, { durable: false })
    await channel.assertQueue(queue, { durable: false, deadLetterExchange: '', deadLetterRoutingKey: grave })
    channel.sendToQueue(queue, Buffer.from('poison'))
    const message = await eventually(() => channel.get(queue))
    channel.nack(message, false, false)
    await eventually(() => channel.get(grave, { noAck: true }))
    const delivered = await eventually(() => sink.find((e) => e.rabbitmq?.queue === grave))
    expect(delivered.rabbitmq).toMatchObject({
      dead_lettered_from: queue,
      dead_letter_reason: 'rejected',
      dead_letter_count: 1,
    })
  })

  test('binds only what is asked for, on a queue that is bounded, exclusive and gone with it', async () => {
    const { vhost, client, traceQueues } = await ownVhost(rabbit(), cleanups)
    const { ready, traces, started } = await watchFirehose(rabbit(), vhost, cleanups, {
      firehose: { publish: ['shop.*', 'amq.default'], deliver: [] },
    })
    await ready()
    const channel = await client()
    await channel.assertExchange('shop.in', 'fanout', { durable: false })
    await channel.assertExchange('till', 'fanout', { durable: false })
    const queue = unique('q-')
    await channel.assertQueue(queue, { durable: false })
    await channel.bindQueue(queue, 'till', '')
    channel.publish('till', '', Buffer.from('1'))
    await eventually(() => channel.get(queue, { noAck: true }))
    channel.publish('shop.in', '', Buffer.from('2'))
    channel.sendToQueue(queue, Buffer.from('3'))
    await eventually(() => traces().length === 2)
    expect(traces().map((e) => e.rabbitmq?.exchange)).toEqual(['shop.in', 'amq.default'])
    // The management API tells of a new queue a moment later.
    const [own] = await eventually(async () => {
      const found = await traceQueues()
      return found.length > 0 && found
    })
    expect(own?.arguments).toMatchObject({ 'x-max-length': 10_000, 'x-overflow': 'drop-head' })
    await started.stop()
    await eventually(async () => (await traceQueues()).length === 0, { what: 'the trace queue gone' })
  })

  test('hands on no more than its rate, and counts the rest', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, traces, metric } = await watchFirehose(rabbit(), vhost, cleanups, {
      firehose: { maxRate: 10, deliver: [] },
    })
    await ready()
    const channel = await client()
    for (let n = 0; n < 300; n++) channel.publish('amq.fanout', '', Buffer.from('x'))
    await eventually(async () => (await metric('thump_events_read_total', { source: 'firehose' })) === 300)
    const dropped = await metric('thump_events_dropped_total', { source: 'firehose', reason: 'rate' })
    expect(traces().length).toBeGreaterThanOrEqual(10)
    expect(traces().length + (dropped ?? 0)).toBe(300)
  })

  test('says the command when tracing is off, and switches it itself where it may: on, and off again', async () => {
    const { vhost, call, tracing } = await ownVhost(rabbit(), cleanups, { isTraced: false })
    await call('PUT', `/vhosts/${vhost}`, { description: 'the shop', tags: 'a,b' })
    const before = (await call('GET', `/vhosts/${vhost}`)).json as Record<string, unknown>
    const mute = await watchFirehose(rabbit(), vhost, cleanups)
    const { detail } = await eventually(() => {
      const state = mute.started.value.ready()
      return state.detail?.includes('trace_on') ? state : undefined
    })
    expect(detail).toBe(`tracing is off: run rabbitmqctl trace_on -p '${vhost}'`)
    await eventually(() => mute.sink.find((e) => e.event.action === 'firehose.tracing-off'))
    await mute.started.stop()
    const able = await watchFirehose(rabbit(), vhost, cleanups, { tracing: guest(rabbit()) })
    await able.ready()
    expect(await tracing()).toBe(true)
    const during = (await call('GET', `/vhosts/${vhost}`)).json as Record<string, unknown>
    expect([during['description'], during['tags']]).toEqual([before['description'], before['tags']])
    await able.started.stop()
    expect(await tracing()).toBe(false)
  })

  test('stops when the broker’s memory is above its limit: no queue is left, and the reason is told', async () => {
    const { vhost, traceQueues } = await ownVhost(rabbit(), cleanups)
    const { started, sink, metric } = await watchFirehose(rabbit(), vhost, cleanups, {
      firehose: { stopWhen: { memory: 0.000_001 } },
    })
    await eventually(() => started.value.ready().detail?.includes('memory'))
    const told = await eventually(() => sink.find((e) => e.event.action === 'firehose.stopped'))
    expect(told.message).toContain(`rabbitmqctl trace_off -p '${vhost}'`)
    expect(await metric('thump_firehose_open')).toBe(0)
    expect(await metric('thump_firehose_stops_total', { reason: 'memory' })).toBe(1)
    expect(await traceQueues()).toEqual([])
  })
})
