import { randomBytes, randomUUID } from 'node:crypto'
import { openRedactor } from '../../agent/open-redactor.ts'
import { createBodyDescriber, type Mask } from '../../agent/sources/firehose/body.ts'
import { decodeTrace } from '../../agent/sources/firehose/decode-trace.ts'
import { encodeEvent } from '../../event/encode.ts'
import type { BenchTable } from './bench.ts'
import { againstBroker } from './firehose-brokers.ts'
import { alongThePath } from './firehose-path.ts'

const traceCount = 40_000
const pathCount = 100_000
const identity = {
  agentId: 'a1b2c3d4e5f6',
  agentVersion: '1.0.0',
  hostName: 'mq1',
  cluster: () => 'orders',
  node: () => 'rabbit@mq1',
}

/** No two alike: what is masked must not be remembered from the last one. */
function trace(n: number) {
  const items = Array.from({ length: 6 }, (_, i) => ({
    sku: randomUUID(),
    name: 'paid total KRW',
    qty: i,
    price: n / 100,
  }))
  const customer = { id: 100_000_000 + n, mail: `user${n}@example.com`, phone: `010-${1000 + (n % 9000)}-1234` }
  const isPublish = n % 2 === 0
  return {
    routingKey: isPublish ? 'publish.shop.in' : 'deliver.shop.orders',
    body: Buffer.from(JSON.stringify({ order: `ORD-${20_261_127_000_000 + n}`, customer, items, note: 'shipped' })),
    headers: {
      exchange_name: 'shop.in',
      routing_keys: [`order.${n}.new`],
      ...(isPublish ? { routed_queues: ['shop.orders'] } : { redelivered: 0 }),
      node: 'rabbit@mq1',
      vhost: '/',
      connection: `10.0.0.${n % 250}:41060 -> 10.0.0.1:5672`,
      user: 'app',
      channel: 1,
      properties: {
        content_type: 'application/json',
        delivery_mode: 2,
        message_id: randomUUID(),
        timestamp: 1_764_200_000,
        headers: {
          traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
          shop: 'seoul',
        },
      },
    },
  }
}

/** Microseconds of one core for a trace, from its decoded headers to the record's bytes, masking included. */
function inOneProcess(): BenchTable {
  const redactor = openRedactor({ builtin: ['secrets', 'cards', 'rrn', 'phones', 'emails'], rules: [] })
  const traces = Array.from({ length: traceCount }, (_, n) => trace(n))
  const rows = (['none', 'hash', 'excerpt', 'full'] as const).map((payload) => {
    const mask: Mask = (text, count) => redactor.text(text, count)
    const describeBody = createBodyDescriber({ payload, payloadBytes: 1024, hmacKey: Buffer.from('k'), mask })
    const work = (message: ReturnType<typeof trace>, sequence: number) => {
      const decoded = decodeTrace(message, { identity, atMs: Date.now(), sequence, describeBody })
      if (decoded.kind === 'drop') throw new Error(decoded.reason)
      redactor.event(decoded.event)
      encodeEvent({ topic: 'AMQP', key: 'rabbit@mq1/firehose', event: decoded.event })
    }
    for (const [n, message] of traces.slice(0, 5000).entries()) work(message, n)
    // Of processor time, not of the clock's: another process must not count.
    const before = process.cpuUsage()
    for (const [n, message] of traces.entries()) work(message, n)
    const { user, system } = process.cpuUsage(before)
    return { payload, 'µs a trace': (user + system) / traceCount }
  })
  return {
    title: 'decode, mask, encode in one process; 800-byte bodies, each with a phone number and an address',
    rows,
  }
}

/** `--only 4.0`, `--only process`, `--only path` with `--kafka HOST:PORT` if not without, `--seconds 8` */
export default async function firehose(argv: readonly string[]): Promise<BenchTable[]> {
  const option = (name: string) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined)
  const only = option('--only')
  const seconds = Number(option('--seconds') ?? 8)
  const tables: BenchTable[] = []
  if (only === undefined || only === 'process') tables.push(inOneProcess())
  const kafka = option('--kafka')
  if (only === undefined || only === 'path')
    tables.push(await alongThePath(pathCount, kafka === undefined ? undefined : [kafka]))
  for (const version of ['3.10', '4.0'] as const)
    if (only === undefined || only === version) tables.push(await againstBroker(version, seconds))
  return tables
}
