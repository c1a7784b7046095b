import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Broker } from '../../demo/broker/start-broker.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { eventually } from '../servers/eventually.ts'
import { startKafka } from '../servers/kafka.ts'
import { type RabbitmqVersion, startRabbitmq } from '../servers/rabbitmq.ts'
import type { ThumpProcess } from '../servers/run-thump.ts'
import { cpuMs } from './process-use.ts'
import { runInstalled } from './run-installed.ts'
import type { BenchTable } from './bench.ts'

const modes = ['off', 'plain consumer', 'thump', 'thump with bodies', 'thump as shipped'] as const
type Mode = (typeof modes)[number]
type Row = Record<string, string | number>

const program = join(import.meta.dirname, 'firehose-load.ts')
/** The guard waits ten seconds before it takes a flood for one. */
const guardS = 16
const warmS = 5

/** Throughput of a real broker without tracing, and with it under a plain consumer and under Thump, as ratios of one run. */
export async function againstBroker(version: RabbitmqVersion, seconds: number): Promise<BenchTable> {
  const shutdown = new Shutdown()
  try {
    const [rabbit, log] = await Promise.all([startRabbitmq(version), startKafka()])
    const broker = shutdown.own('rabbitmq', rabbit)
    const kafka = shutdown.own('kafka', log)
    const rows: Row[] = []
    for (const [name, rate] of [
      ['1,000/s', 1000],
      ['5,000/s', 5000],
      ['saturated', 0],
    ] as const) {
      let off = 0
      for (const mode of modes) {
        if (mode === 'thump as shipped' && rate === 1000) continue
        const row = await measure(broker, kafka.brokers, mode, rate, seconds)
        if (mode === 'off') off = Number(row['messages/s'])
        rows.push({ load: name, tracing: mode, ...row, 'to off': Number(row['messages/s']) / off })
      }
    }
    return { title: `RabbitMQ ${version}: 1 KiB messages, each published and delivered once`, rows }
  } finally {
    await shutdown.run(AbortSignal.timeout(60_000))
  }
}

async function measure(
  broker: Broker,
  kafka: readonly string[],
  mode: Mode,
  rate: number,
  seconds: number,
): Promise<Row> {
  const shutdown = new Shutdown()
  try {
    await broker.ctl(mode === 'off' ? 'trace_off' : 'trace_on')
    const reader = await startReader(broker, kafka, mode, shutdown)
    // Long enough for code to be compiled.
    await load(broker, rate, mode === 'thump as shipped' ? guardS : warmS)
    // What waits of that must not count for what comes.
    const readBefore = reader ? await settled(reader) : 0
    const before = { broker: cpuMs([broker.pid()]) / 1000, reader: reader ? cpuMs([reader.pid]) / 1000 : 0 }
    const { sent, perSecond } = await load(broker, rate, seconds)
    const brokerS = cpuMs([broker.pid()]) / 1000 - before.broker
    const row: Row = { 'messages/s': perSecond, 'broker µs a message': (brokerS / sent) * 1e6 }
    if (!reader) return { ...row, 'reader µs a trace': '', 'traces read': '' }
    const read = (await settled(reader)) - readBefore
    const readerS = cpuMs([reader.pid]) / 1000 - before.reader
    return {
      ...row,
      'reader µs a trace': read > 0 ? (readerS / read) * 1e6 : '',
      'traces read': read / (2 * sent),
    }
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

/** Who reads the firehose, and how many traces it has read so far. */
interface Reader {
  readonly pid: number
  readonly read: () => Promise<number>
}

async function startReader(
  broker: Broker,
  kafka: readonly string[],
  mode: Mode,
  shutdown: Shutdown,
): Promise<Reader | undefined> {
  if (mode === 'off') return undefined
  if (mode === 'plain consumer') return await startConsumer(broker, shutdown)
  const agent = await startAgent(broker, kafka, mode, shutdown)
  return { pid: agent.pid, read: () => readBy(agent) }
}

async function startAgent(
  broker: Broker,
  brokers: readonly string[],
  mode: Mode,
  shutdown: Shutdown,
): Promise<ThumpProcess> {
  const account = { username: 'guest', password: 'guest' }
  const limits = mode === 'thump as shipped' ? {} : { maxRate: 1_000_000, stopWhen: { memory: 1 } }
  const config = {
    transport: { kind: 'kafka', kafka: { brokers, createTopics: { partitions: 1 } } },
    agent: {
      amqp: { url: broker.amqpUrl, ...account },
      events: { enabled: false },
      resources: { url: broker.managementUrl, queues: 'off' },
      firehose: { enabled: true, ...limits, payload: mode === 'thump with bodies' ? 'excerpt' : 'none' },
      ...(mode === 'thump as shipped' && { tracing: account }),
    },
  }
  const agent = await runInstalled(['agent', '--set', 'dataDir=data'], { config: JSON.stringify(config) })
  shutdown.add('agent', async () => void (await agent.kill()))
  await agent.ready()
  return agent
}

async function startConsumer(broker: Broker, shutdown: Shutdown): Promise<Reader> {
  const child = spawn(process.execPath, [program, 'consume', broker.amqpUrl], { stdio: ['ignore', 'pipe', 'inherit'] })
  shutdown.add('consumer', async () => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)
  await once(lines, 'line')
  const { pid } = child
  if (pid === undefined) throw new Error('the plain consumer did not start')
  const read = async () => {
    child.kill('SIGUSR2')
    const [line] = (await once(lines, 'line')) as [string]
    return Number(line)
  }
  return { pid, read }
}

async function load(broker: Broker, rate: number, seconds: number): Promise<{ sent: number; perSecond: number }> {
  const args = [program, 'publish', broker.amqpUrl, String(rate), String(seconds)]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await once(child, 'close')
  return JSON.parse(printed) as { sent: number; perSecond: number }
}

async function readBy(agent: ThumpProcess): Promise<number> {
  const text = await (await fetch(`${agent.healthUrl}/metrics`)).text()
  return Number(/^thump_events_read_total\{source="firehose"\} (\S+)$/m.exec(text)?.[1] ?? 0)
}

/** How many it has read once nothing more comes. */
async function settled({ read }: Reader): Promise<number> {
  let last = -1
  return await eventually(
    async () => {
      await sleep(500)
      const now = await read()
      const isSettled = now === last
      last = now
      return isSettled ? { now } : undefined
    },
    { what: 'every trace read' },
  ).then(({ now }) => now)
}
