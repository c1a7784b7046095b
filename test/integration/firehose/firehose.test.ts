import { afterEach, describe, expect, test } from 'vitest'
import { declareTraceQueue } from '../../../agent/sources/firehose/queue.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { unique } from '../rabbitmq/harness.ts'
import { fakeManagement, guest, ownVhost, watchFirehose } from './harness.ts'

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

  test('counts how often a quorum queue gave a poisonous message out again', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, sink } = await watchFirehose(rabbit(), vhost, cleanups)
    await ready()
    const channel = await client()
    const queue = unique('poison-')
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    channel.sendToQueue(queue, Buffer.from('poison'))
    for (let attempt = 0; attempt < 2; attempt++) channel.nack(await eventually(() => channel.get(queue)))
    await eventually(() => channel.get(queue, { noAck: true }))
    const again = await eventually(() => sink.find(({ rabbitmq }) => rabbitmq?.['delivery_count'] === 2))
    expect(again.rabbitmq).toMatchObject({ queue, redelivered: true })
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

  test('stops at once when the broker’s memory is short: no queue is left; and comes back when it has rested', async () => {
    const { vhost, traceQueues, client } = await ownVhost(rabbit(), cleanups)
    const { broker, account } = await fakeManagement(vhost, cleanups)
    let aheadMs = 0
    const { ready, started, sink, metric, traces } = await watchFirehose(rabbit(), vhost, cleanups, {
      management: account,
      now: () => Date.now() + aheadMs,
    })
    await ready()
    broker.memory = 0.75
    await eventually(() => started.value.ready().detail?.includes('memory'))
    const told = await eventually(() => sink.find((e) => e.event.action === 'firehose.stopped'))
    expect(told.message).toContain(`rabbitmqctl trace_off -p '${vhost}'`)
    expect(told['app']).toMatchObject({ reason: 'memory', memory: 0.75 })
    expect(await metric('thump_firehose_open')).toBe(0)
    expect(await metric('thump_firehose_stops_total', { reason: 'memory' })).toBe(1)
    await eventually(async () => (await traceQueues()).length === 0, { what: 'the trace queue gone' })
    broker.memory = 0.1
    aheadMs = 31_000
    await ready()
    const channel = await client()
    channel.publish('amq.fanout', '', Buffer.from('again'))
    await eventually(() => traces().length === 1)
    expect(sink.find((e) => e.event.action === 'firehose.resumed')).toBeDefined()
  })

  test('does not begin while an alarm stands, and switches off the tracing it may switch', async () => {
    const { vhost, traceQueues } = await ownVhost(rabbit(), cleanups)
    const { broker, account } = await fakeManagement(vhost, cleanups)
    const { ready, started } = await watchFirehose(rabbit(), vhost, cleanups, { management: account, tracing: account })
    await ready()
    broker.isAlarmed = true
    await eventually(() => broker.switched.includes(false))
    const late = await watchFirehose(rabbit(), vhost, cleanups, { management: account })
    await eventually(() => late.started.value.ready().detail?.includes('alarm'))
    await started.stop()
    await eventually(async () => (await traceQueues()).length === 0)
  })

  test('notices that somebody, or a restart, switched tracing off', async () => {
    const { vhost } = await ownVhost(rabbit(), cleanups)
    const { broker, account } = await fakeManagement(vhost, cleanups)
    const { ready, started, sink } = await watchFirehose(rabbit(), vhost, cleanups, { management: account })
    await ready()
    await eventually(() => broker.looks > 2, { what: 'tracing seen to be on' })
    broker.isTracing = false
    await eventually(() => started.value.ready().detail?.includes('trace_on'))
    const told = await eventually(() => sink.find((e) => e.event.action === 'firehose.tracing-off'))
    expect(told.message).toContain('it was switched off')
  })

  test('covers what its bindings ask for, whatever else happens', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const bindings = { publish: ['shop.*'], deliver: [] }
    const { ready, metric, traces } = await watchFirehose(rabbit(), vhost, cleanups, { firehose: bindings })
    await ready()
    const channel = await client()
    await channel.assertExchange('shop.in', 'fanout', { durable: false })
    for (let n = 0; n < 100; n++) {
      channel.publish('shop.in', '', Buffer.from('x'))
      for (let other = 0; other < 5; other++) channel.publish('amq.fanout', '', Buffer.from('x'))
    }
    await eventually(async () => (await metric('thump_firehose_happened', { vhost })) === 100, { withinMs: 20_000 })
    await eventually(async () => (await metric('thump_firehose_coverage_ratio', { vhost })) === 1)
    expect(traces()).toHaveLength(100)
    expect(await metric('thump_firehose_broker_dropped_estimate', { vhost })).toBe(0)
  })

  test('covers everything, by the broker’s own counters', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, metric } = await watchFirehose(rabbit(), vhost, cleanups)
    await ready()
    const channel = await client()
    const queue = unique('q-')
    await channel.assertQueue(queue, { durable: false })
    let delivered = 0
    await channel.consume(queue, () => delivered++, { noAck: true })
    for (let n = 0; n < 200; n++) channel.sendToQueue(queue, Buffer.from('x'))
    await eventually(() => delivered === 200)
    // The broker's counters are seconds behind.
    await eventually(async () => (await metric('thump_firehose_coverage_ratio', { vhost })) === 1, { withinMs: 20_000 })
    expect(await metric('thump_firehose_broker_dropped_estimate', { vhost })).toBe(0)
  })

  test('keeps one node’s traces apart where there are others', async () => {
    const { client } = await ownVhost(rabbit(), cleanups)
    const channel = await client()
    const bindings = { publish: ['#'], deliver: [] }
    const mine = await declareTraceQueue(channel, bindings, rabbit().nodeName)
    const theirs = await declareTraceQueue(channel, bindings, 'rabbit@other')
    channel.publish('amq.fanout', '', Buffer.from('x'))
    await eventually(async () => (await channel.checkQueue(mine)).messageCount === 1)
    expect((await channel.checkQueue(theirs)).messageCount).toBe(0)
  })

  test('waits for a transport that is away, and hands on all it then holds', async () => {
    const { vhost, client } = await ownVhost(rabbit(), cleanups)
    const { ready, sink, traces } = await watchFirehose(rabbit(), vhost, cleanups, { firehose: { deliver: [] } })
    await ready()
    const release = sink.hold()
    const channel = await client()
    for (let n = 0; n < 700; n++) channel.publish('amq.fanout', '', Buffer.from(String(n)))
    await channel.checkExchange('amq.fanout')
    expect(traces()).toEqual([])
    release()
    await eventually(() => traces().length === 700)
    const sequence = traces().map(({ event }) => event.sequence)
    expect(sequence).toEqual(sequence.toSorted((a = 0, b = 0) => a - b))
  })

  test('says the exact command when its user may not read the trace exchange', async () => {
    const { vhost, call } = await ownVhost(rabbit(), cleanups)
    const user = unique('weak-')
    await call('PUT', `/users/${user}`, { password: 'pw', tags: '' })
    cleanups.push(() => call('DELETE', `/users/${user}`))
    const mon = String.raw`^mon\.`
    await call('PUT', `/permissions/${vhost}/${user}`, { configure: mon, write: mon, read: mon })
    const amqp = { url: [rabbit().amqpUrl], username: user, password: new Secret('pw') }
    const { started } = await watchFirehose(rabbit(), vhost, cleanups, { amqp })
    await eventually(() =>
      started.value.ready().detail?.includes(`rabbitmqctl set_permissions -p '${vhost}' '${user}'`),
    )
    const right = String.raw`^(mon\..*|amq\.rabbitmq\.(trace|event|log))$`
    await call('PUT', `/permissions/${vhost}/${user}`, { configure: mon, write: mon, read: right })
    await eventually(() => started.value.ready().ok, { what: 'the exact rights suffice' })
  })
})
