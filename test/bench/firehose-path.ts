import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startAgent } from '../../agent/app.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { createHealth } from '../../runtime/health.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import { openTransport } from '../../transport/open-transport.ts'
import type { Transport } from '../../transport/transport.ts'
import type { BenchTable } from './bench.ts'

type Row = BenchTable['rows'][number]

const feed = join(import.meta.dirname, 'firehose-feed.ts')
/** The first ones compile the code, and count for nothing. */
const warmCount = 20_000

/**
 * The whole agent in this process, AMQP and all, against a feed of recorded frames in another: microseconds of processor
 * time a trace. To Kafka where brokers are named, else to a producer that takes everything at once.
 */
export async function alongThePath(count: number, brokers: readonly string[] | undefined): Promise<BenchTable> {
  const rows: Row[] = []
  for (const payload of ['none', 'excerpt']) rows.push(await measure(payload, count, brokers))
  return { title: `the agent from AMQP frames to ${brokers ? 'Kafka' : 'a producer that takes all at once'}`, rows }
}

async function measure(payload: string, count: number, brokers: readonly string[] | undefined): Promise<Row> {
  const shutdown = new Shutdown()
  const dataDir = mkdtempSync(join(tmpdir(), 'thump-firehose-'))
  shutdown.add('files', async () => rmSync(dataDir, { recursive: true, force: true }))
  const child = spawn(process.execPath, [feed, String(warmCount), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  shutdown.add('feed', async () => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)
  const next = async () => String(((await once(lines, 'line')) as [string])[0])
  try {
    const config = configOf(dataDir, Number(await next()), payload, brokers)
    const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }
    const transport = brokers ? shutdown.own('kafka', await openTransport(config, deps)) : takesAll
    shutdown.own('agent', await startAgent({ ...deps, config, transport, health: createHealth() }))
    await next()
    const before = process.cpuUsage()
    child.kill('SIGUSR2')
    await next()
    const { user, system } = process.cpuUsage(before)
    return { payload, traces: count, 'µs a trace': (user + system) / count, 'of them system': system / count }
  } finally {
    await shutdown.run(AbortSignal.timeout(20_000))
  }
}

function configOf(dataDir: string, port: number, payload: string, brokers: readonly string[] | undefined) {
  const base = {
    dataDir,
    transport: brokers
      ? {
          kind: 'kafka',
          kafka: { brokers, createTopics: { partitions: 1 } },
          topics: { amqp: `bench-firehose-${process.pid}-amqp`, self: `bench-firehose-${process.pid}-self` },
        }
      : {},
    agent: {
      amqp: { url: `amqp://127.0.0.1:${port}`, username: 'guest', password: 'guest' },
      events: { enabled: false },
      resources: { enabled: false },
      firehose: { enabled: true, maxRate: 1_000_000, payload },
    },
  }
  return loadConfig({ base }).config
}

const takesAll: Transport = {
  kind: 'kafka',
  ensureTopics: () => Promise.resolve(),
  createProducer: () =>
    Promise.resolve({
      value: {
        send: () => Promise.resolve({ rejected: [] }),
        sendPacked: () => Promise.resolve({ rejected: [] }),
        isConnected: () => true,
        problem: () => undefined,
      },
      stop: () => Promise.resolve(),
    }),
  createConsumer: (): Promise<Started<never>> => Promise.reject(new Error('nothing is read')),
}
