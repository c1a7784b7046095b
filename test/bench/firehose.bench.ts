import { randomUUID } from 'node:crypto'
import { openRedactor } from '../../agent/open-redactor.ts'
import { createBodyDescriber, type Mask } from '../../agent/sources/firehose/body.ts'
import { decodeTrace } from '../../agent/sources/firehose/decode-trace.ts'
import { encodeEvent } from '../../event/encode.ts'
import type { BenchTable } from './bench.ts'

const minMs = 1000
const identity = {
  agentId: 'a1b2c3d4e5f6',
  agentVersion: '1.0.0',
  hostName: 'mq1',
  cluster: () => 'orders',
  node: () => 'rabbit@mq1',
}

function trace(routingKey: string) {
  return {
    routingKey,
    body: Buffer.from(JSON.stringify({ order: 4711, mail: 'kim@example.com', filler: 'x'.repeat(900) })),
    headers: {
      exchange_name: 'shop.in',
      routing_keys: ['order.new'],
      routed_queues: ['shop.orders'],
      node: 'rabbit@mq1',
      vhost: '/',
      connection: '10.0.0.7:41060 -> 10.0.0.1:5672',
      user: 'app',
      channel: 1,
      redelivered: 0,
      properties: {
        content_type: 'application/json',
        delivery_mode: 2,
        message_id: randomUUID(),
        headers: { trace: randomUUID(), shop: 'seoul' },
      },
    },
  }
}

/** Microseconds of one core for a trace, from its decoded headers to the record's bytes, masking included. */
export default function firehose(): Promise<BenchTable> {
  const redactor = openRedactor({ builtin: ['secrets', 'cards', 'rrn', 'phones', 'emails'], rules: [] })
  const traces = [trace('publish.shop.in'), trace('deliver.shop.orders')]
  const rows = (['none', 'hash', 'excerpt', 'full'] as const).map((payload) => {
    const mask: Mask = (text, count) => redactor.text(text, count)
    const describeBody = createBodyDescriber({ payload, payloadBytes: 1024, hmacKey: Buffer.from('k'), mask })
    let sequence = 0
    const work = () => {
      const message = traces[sequence % 2] as ReturnType<typeof trace>
      const decoded = decodeTrace(message, { identity, atMs: Date.now(), sequence: sequence++, describeBody })
      if (decoded.kind === 'drop') throw new Error(decoded.reason)
      redactor.event(decoded.event)
      encodeEvent({ topic: 'AMQP', key: 'rabbit@mq1/firehose', event: decoded.event })
    }
    return { payload, 'µs a trace': microseconds(work) }
  })
  return Promise.resolve({ title: 'firehose: decode, mask, encode; 1 KiB bodies', rows })
}

/** Of processor time, not of the clock's: another process must not count. */
function microseconds(work: () => void): number {
  for (let n = 0; n < 2000; n++) work()
  const before = process.cpuUsage()
  const started = performance.now()
  let calls = 0
  while (performance.now() - started < minMs) for (let n = 0; n < 100; n++, calls++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}
