import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEverything } from '../../cli/up.ts'
import type { ThumpEvent } from '../../event/event.ts'
import { configSchema } from '../../runtime/config/schema.ts'
import { silentLogger } from '../../runtime/log.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import type { SharedServers } from '../servers/shared.ts'
import { eventually } from '../servers/eventually.ts'
import { type HttpReceiver, startHttpReceiver } from '../servers/http-receiver.ts'
import { startKafka } from '../servers/kafka.ts'
import { startRabbitmq } from '../servers/rabbitmq.ts'
import { connectApp } from '../e2e/watched-broker.ts'
import type { BenchTable } from './bench.ts'

type Kind = 'embedded' | 'kafka'

interface Addresses {
  readonly amqpUrl: string
  readonly brokers: readonly string[]
}

/** What happened to one queue, wall clock in ms. */
interface Journey {
  askedMs: number
  doneMs?: number
  inTopicMs?: number
  toldMs?: number
}

const prefix = 'latency.'
const betweenMs = 20

/**
 * `npm run bench -- latency [operations] [embedded|kafka|both]`: queues are deleted one by one, and each deletion is an
 * alert of its own. From the moment the operation is asked of RabbitMQ to the moment an HTTP receiver has the message.
 */
export default async function latency([count = '500', which = 'both']: readonly string[]): Promise<BenchTable> {
  const shutdown = new Shutdown()
  const kinds: readonly Kind[] = which === 'both' ? ['embedded', 'kafka'] : [which as Kind]
  try {
    const addresses = await openServers(shutdown, kinds)
    const rows: Array<Record<string, string | number>> = []
    for (const kind of kinds) rows.push(await measure(kind, Number(count), addresses))
    return { title: `operation to HTTP receiver, ms; one deletion each ${betweenMs} ms`, rows }
  } finally {
    await shutdown.run(AbortSignal.timeout(60_000))
  }
}

/** Those that run already, else private ones. */
async function openServers(shutdown: Shutdown, kinds: readonly Kind[]): Promise<Addresses> {
  const known = process.env['THUMP_TEST_SERVERS']
  if (known !== undefined) {
    const { rabbit40, kafka } = JSON.parse(readFileSync(known, 'utf8')) as SharedServers
    return { amqpUrl: rabbit40.amqpUrl, brokers: kafka.brokers }
  }
  const broker = shutdown.own('rabbitmq', await startRabbitmq('4.0'))
  const brokers = kinds.includes('kafka') ? shutdown.own('kafka', await startKafka()).brokers : []
  return { amqpUrl: broker.amqpUrl, brokers }
}

async function measure(kind: Kind, count: number, { amqpUrl, brokers }: Addresses) {
  const shutdown = new Shutdown()
  const id = `${process.pid}-${kind}`
  try {
    const receiver = shutdown.own('receiver', await startHttpReceiver())
    const dir = mkdtempSync(join(tmpdir(), 'thump-latency-'))
    shutdown.add('dir', async () => rmSync(dir, { recursive: true, force: true }))
    const config = configOf(kind, { dir, id, amqpUrl, brokers, url: receiver.url })
    const { transport } = await startEverything({ config, log: silentLogger }, shutdown)
    const journeys = new Map<string, Journey>()
    const consumer = await transport.createConsumer(
      { role: 'bench', topics: ['AMQP'], startAt: 'latest' },
      {
        records: async ({ records }) => {
          for (const { value } of records) {
            const { amqp, rabbitmq } = JSON.parse(value.toString()) as ThumpEvent
            const journey = journeys.get(rabbitmq?.queue ?? '')
            if (journey && amqp?.operation === 'queue.delete') journey.inTopicMs ??= clock()
          }
        },
      },
    )
    shutdown.own('consumer', consumer)
    const connection = await connectApp({ amqpUrl, managementUrl: '', logFile: '' }, `latency-${id}`)
    shutdown.add('connection', () => connection.close())
    const channel = await connection.createChannel()
    shutdown.add('queue', async () => void (await channel.deleteQueue(`mon.${id}`)))
    const tell = async (name: string) => {
      await channel.assertQueue(name, { durable: false })
      await pause()
      const journey: Journey = { askedMs: clock() }
      journeys.set(name, journey)
      await channel.deleteQueue(name)
      journey.doneMs = clock()
      await pause()
    }
    // The first ones wait for connections, topics and compilers.
    await eventually(async () => {
      await tell(`${prefix}warm.${id}.${Math.random()}`)
      return receiver.requests.length >= 20
    })
    journeys.clear()
    const cpu = process.cpuUsage()
    for (let index = 0; index < count; index++) await tell(`${prefix}${id}.${index}`)
    await eventually(() => noteTold(receiver, journeys) >= count, { what: `${count} messages` })
    const { user, system } = process.cpuUsage(cpu)
    return rowOf(kind, [...journeys.values()], (user + system) / 1000 / count)
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

function noteTold({ requests }: HttpReceiver, journeys: ReadonlyMap<string, Journey>): number {
  let told = 0
  for (const { body, atMs } of requests) {
    const { alert } = JSON.parse(body) as { alert: { key: Record<string, string> } }
    const journey = journeys.get(alert.key['rabbitmq.queue'] ?? '')
    if (!journey) continue
    journey.toldMs ??= atMs
    told++
  }
  return told
}

function rowOf(kind: Kind, journeys: readonly Journey[], cpuMs: number): Record<string, string | number> {
  const total = sorted(journeys.map(({ askedMs, toldMs = Number.NaN }) => toldMs - askedMs))
  const toTopic = sorted(journeys.map(({ askedMs, inTopicMs = Number.NaN }) => inTopicMs - askedMs))
  const onwards = sorted(journeys.map(({ inTopicMs = Number.NaN, toldMs = Number.NaN }) => toldMs - inTopicMs))
  return {
    kind,
    operations: journeys.length,
    p50: at(total, 0.5),
    p90: at(total, 0.9),
    p99: at(total, 0.99),
    max: at(total, 1),
    'to a reader of the topic, p50': at(toTopic, 0.5),
    'p99 ': at(toTopic, 0.99),
    'from there to the receiver, p50': at(onwards, 0.5),
    'p99  ': at(onwards, 0.99),
    'CPU ms an operation': cpuMs,
  }
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const at = (values: readonly number[], share: number) =>
  values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
const clock = () => performance.timeOrigin + performance.now()
const pause = () => new Promise((resolve) => void setTimeout(resolve, betweenMs / 2))

function configOf(
  kind: Kind,
  at: { dir: string; id: string; amqpUrl: string; brokers: readonly string[]; url: string },
) {
  const { dir, id, amqpUrl, brokers, url } = at
  mkdirSync(join(dir, 'rules'))
  writeFileSync(join(dir, 'rules/latency.yaml'), rules)
  const topics = { app: `APP-${id}`, amqp: `AMQP-${id}`, metric: `METRIC-${id}`, self: `THUMP-${id}` }
  return configSchema.parse({
    cluster: 'latency',
    dataDir: join(dir, 'data'),
    transport: { kind, ...(kind === 'kafka' && { topics, kafka: { brokers: [...brokers], group: `latency-${id}` } }) },
    agent: {
      logs: [],
      amqp: { url: amqpUrl, username: 'guest', password: 'guest' },
      events: { queue: `mon.${id}` },
      resources: { enabled: false },
    },
    alerting: {
      rules: [join(dir, 'rules/*.yaml')],
      channels: { hook: { type: 'webhook', url, rate: '1000/s' } },
      listen: '127.0.0.1:0',
    },
    health: { listen: '127.0.0.1:0' },
  })
}

const rules = `
rules:
- id: queue-deleted
  topic: AMQP
  type: match
  where: {amqp.operation: queue.delete, rabbitmq.queue.starts: ${prefix}}
  groupBy: rabbitmq.queue
  severity: critical
`
