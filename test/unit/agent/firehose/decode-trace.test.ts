import { describe, expect, test } from 'vitest'
import { decodeTrace, type TraceMessage } from '../../../../agent/sources/firehose/decode-trace.ts'

const atMs = Date.UTC(2026, 10, 24, 15)
const identity = { agentId: 'a1', agentVersion: '1', hostName: 'h1', cluster: () => 'orders', node: () => undefined }

function decode(routingKey: string, headers: Record<string, unknown> = {}, body = 'x') {
  const message: TraceMessage = {
    routingKey,
    body: Buffer.from(body),
    headers: { exchange_name: 'in', routing_keys: ['k'], vhost: '/', node: 'rabbit@mq1', user: 'app', ...headers },
  }
  const describeBody = (bytes: Buffer) => ({ body: { bytes: bytes.length } })
  return decodeTrace(message, { identity, atMs, sequence: 7, describeBody })
}

function event(...args: Parameters<typeof decode>) {
  const decoded = decode(...args)
  if (decoded.kind !== 'event') throw new Error(decoded.reason)
  return decoded.event
}

const published = (routed: string[], properties: object = {}, keys = ['k']) =>
  event('publish.in', { routed_queues: routed, properties, routing_keys: keys }).rabbitmq

describe('a publish', () => {
  test('carries who, where, when and in which order', () => {
    const found = event('publish.in', {
      connection: '[::ffff:10.0.0.7]:4711 -> 10.0.0.1:5672',
      channel: 2,
      routed_queues: ['q'],
    })
    expect(found).toMatchObject({
      '@timestamp': '2026-11-24T15:00:00.000Z',
      event: { dataset: 'rabbitmq.trace', action: 'publish', sequence: 7 },
      service: { type: 'rabbitmq', name: 'orders', node: { name: 'rabbit@mq1' } },
      amqp: { operation: 'basic.publish', body: { bytes: 1 } },
      user: { name: 'app' },
      source: { ip: '10.0.0.7', port: 4711 },
      rabbitmq: { vhost: '/', exchange: 'in', channel: 2, clock: 'agent' },
      message: "published to exchange 'in' with key 'k', routed to queue 'q'",
    })
  })

  test.each([
    ['routed nowhere', published([]), true],
    ['routed to a queue', published(['q']), false],
    ['a direct reply, which goes to a connection', published([], {}, ['amq.rabbitmq.reply-to.g1h2.x']), undefined],
    ['held back by a delayed exchange', published([], { headers: { 'x-delay': 5000 } }), undefined],
    ['of a broker too old to say', event('publish.in').rabbitmq, undefined],
  ])('%s: unroutable is %s', (_, rabbitmq, expected) => {
    expect(rabbitmq?.unroutable).toBe(expected)
  })

  test('to the default exchange is named so, and an empty routing key stands in its list', () => {
    const { rabbitmq } = event('publish.', { exchange_name: '', routing_keys: [''], routed_queues: [] })
    expect(rabbitmq).toMatchObject({ exchange: 'amq.default', routing_keys: [''] })
  })

  test.each([
    ['seconds', 1_750_000_000, '2025-06-15T15:06:40.000Z'],
    ['milliseconds squeezed into 32 bits, negative', -807_049_216, undefined],
    ['milliseconds squeezed into 32 bits, positive', 12_345, undefined],
    ['the far future', 2_147_483_647, undefined],
  ])('with a timestamp of %s', (_, timestamp, expected) => {
    const { amqp } = event('publish.in', { properties: { timestamp, priority: 0 } })
    expect(amqp?.properties).toEqual({ priority: 0, ...(expected !== undefined && { timestamp: expected }) })
  })

  test('keeps headers of every type as JSON, bounded, and none that say nothing', () => {
    let deep: unknown = 'end'
    for (let n = 0; n < 50; n++) deep = { deep }
    const { amqp } = event('publish.in', {
      properties: {
        headers: {
          text: 'a'.repeat(20_000),
          none: null,
          empty: '',
          bytes: Buffer.from('abc'),
          at: { '!': 'timestamp', value: 1_750_000_000 },
          price: { '!': 'decimal', value: { digits: 1995, places: 2 } },
          list: [1, null, { a: true }],
          big: 12345678901234567890n,
          'x-amqp-1.0-properties': '\u0000S',
          deep,
        },
      },
    })
    expect(amqp?.headers).toMatchObject({
      text: 'a'.repeat(8192),
      bytes: '(3 bytes)',
      at: '2025-06-15T15:06:40.000Z',
      price: 19.95,
      list: [1, { a: true }],
      big: '12345678901234567890',
    })
    expect(Object.keys(amqp?.headers ?? {}).sort()).toEqual(['at', 'big', 'bytes', 'deep', 'list', 'price', 'text'])
    expect(JSON.stringify(amqp?.headers).length).toBeLessThan(9000)
  })
})

describe('a delivery', () => {
  test('names its queue, dots and all, and says whether it came again', () => {
    const found = event('deliver.shop.orders.eu', { redelivered: 1, connection: '<rabbit@mq1.1.2.3>' })
    expect(found.rabbitmq).toMatchObject({
      queue: 'shop.orders.eu',
      redelivered: true,
      connection: '<rabbit@mq1.1.2.3>',
    })
    expect(found.message).toBe("redelivered from queue 'shop.orders.eu'")
    expect(found.source).toBeUndefined()
    expect(found.rabbitmq?.routed_queues).toBeUndefined()
  })

  test('tells how often a message failed, and why it died', () => {
    const deaths = [
      { queue: 'work', reason: 'rejected', count: 3 },
      { queue: 'other', reason: 'expired', count: 1 },
    ]
    const { rabbitmq } = event('deliver.grave', {
      properties: { headers: { 'x-death': deaths, 'x-delivery-count': 4 } },
    })
    expect(rabbitmq).toMatchObject({
      delivery_count: 4,
      dead_lettered_from: 'work',
      dead_letter_reason: 'rejected',
      dead_letter_count: 3,
    })
  })
})

test.each([
  ['deliver.mon.events', 'own'],
  ['deliver.mon.fh.x', 'own'],
  ['other.key', 'malformed'],
])('%s is dropped: %s', (routingKey, reason) => {
  expect(decode(routingKey)).toEqual({ kind: 'drop', reason })
})

test('a trace whose headers are all of the wrong type is read without harm', () => {
  const wrong = { exchange_name: 1, routing_keys: 'k', vhost: null, node: [], user: {}, properties: 'p', channel: 'c' }
  expect(event('publish.in', wrong).rabbitmq).toEqual({ clock: 'agent', exchange: 'amq.default', routing_keys: [] })
})
