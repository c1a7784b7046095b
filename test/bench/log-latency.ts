import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../runtime/clock.ts'
import { configSchema } from '../../runtime/config/schema.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { openTransport } from '../../transport/open-transport.ts'
import { eventually } from '../servers/eventually.ts'
import { startKafka } from '../servers/kafka.ts'
import type { SharedServers } from '../servers/shared.ts'
import type { BenchTable } from './bench.ts'
import { cpuMs, peakBytes, residentBytes } from './process-use.ts'
import { record } from './rabbitmq-load.ts'
import { runInstalled } from './run-installed.ts'

type Row = BenchTable['rows'][number]

const files = 200
const samples = 200
const betweenMs = 25
const idleMs = 15_000

/** Mark → when its last line was appended, and when a consumer had its event, ms. */
class Marks {
  readonly #appended = new Map<string, number>()
  readonly #waits: number[] = []

  appended(mark: string): void {
    this.#appended.set(mark, performance.now())
  }

  arrived(text: string): void {
    const mark = /mark-(\d+)e/.exec(text)?.[1] ?? ''
    const since = this.#appended.get(mark)
    if (since === undefined) return
    this.#waits.push(performance.now() - since)
    this.#appended.delete(mark)
  }

  get isComplete(): boolean {
    return this.#appended.size === 0
  }

  take(): number[] {
    return this.#waits.splice(0).sort((a, b) => a - b)
  }
}

let microsecond = 0
const prefix = () => `2026-11-22 00:00:00.${String(++microsecond).padStart(6, '0')}+00:00 [info] <0.1.0> `

/** What is written for one mark. */
const writings = {
  'a record whose end the next proves': (mark: string) => `${prefix()}${mark}\n${prefix()}the next\n`,
  'a last record of one line': (mark: string) => `${prefix()}${mark}\n`,
  'a last record of three lines': (mark: string) => {
    const same = prefix()
    return `${same}${mark}\n${same}  more\n${same}  more\n`
  },
}

/**
 * The agent as it ships, a process of its own that follows 200 files into a real Kafka: what it costs at rest, and the time
 * from an append until another process's consumer has the event.
 */
export async function logLatency(): Promise<readonly BenchTable[]> {
  const shutdown = new Shutdown()
  try {
    const brokers = await brokersOf(shutdown)
    const dir = mkdtempSync(join(tmpdir(), 'thump-latency-'))
    shutdown.add('dir', async () => rmSync(dir, { recursive: true, force: true }))
    mkdirSync(join(dir, 'logs'))
    const path = (index: number) => join(dir, 'logs', `${index % files}.log`)
    for (let index = 0; index < files; index++) writeFileSync(path(index), record(index))
    const config = configOf(dir, brokers)
    const parsed = configSchema.parse(config)
    const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
    const transport = shutdown.own('transport', await openTransport(parsed, deps))
    const agent = await runInstalled(['agent'], { config: JSON.stringify(config) })
    shutdown.add('agent', async () => void (await agent.stop()))
    await agent.ready()
    const marks = new Marks()
    let arrived = 0
    const consumer = await transport.createConsumer(
      { role: 'bench', topics: ['APP'], startAt: 'beginning' },
      {
        records: async ({ records }) => {
          for (const { value } of records) marks.arrived(value.toString('latin1'))
          arrived += records.length
        },
      },
    )
    shutdown.own('consumer', consumer)
    await eventually(() => arrived >= files, { what: 'the first record of each file' })
    const rest = await atRest(agent.pid)
    // The first ones wait for compilers.
    await measure('a record whose end the next proves', marks, path)
    const rows: Row[] = []
    for (const name of Object.keys(writings) as Array<keyof typeof writings>)
      rows.push(await measure(name, marks, path))
    return [
      { title: `the agent at rest, ${files} files followed, Kafka connected`, rows: [rest] },
      { title: `from the append to a consumer of the topic, ${files} files followed, ms`, rows },
    ]
  } finally {
    await shutdown.run(AbortSignal.timeout(60_000))
  }
}

async function atRest(pid: number): Promise<Row> {
  await sleep(3000)
  const [startedMs, before] = [performance.now(), cpuMs([pid])]
  await sleep(idleMs)
  const share = (cpuMs([pid]) - before) / (performance.now() - startedMs)
  return {
    '% of a core': share * 100,
    'RSS MB': Math.round(residentBytes(pid) / 1e6),
    'peak RSS MB': Math.round(peakBytes(pid) / 1e6),
  }
}

let lastMark = 0
async function measure(name: keyof typeof writings, marks: Marks, path: (index: number) => string): Promise<Row> {
  for (let index = 0; index < samples; index++) {
    await sleep(betweenMs)
    const mark = String(++lastMark)
    const text = writings[name](`mark-${mark}e`)
    marks.appended(mark)
    appendFileSync(path(index), text)
  }
  await eventually(() => marks.isComplete, { what: `${name}: every mark` })
  const waits = marks.take()
  const at = (share: number) => waits[Math.floor((waits.length - 1) * share)] ?? Number.NaN
  return { case: name, records: waits.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

async function brokersOf(shutdown: Shutdown): Promise<readonly string[]> {
  const known = process.env['THUMP_TEST_SERVERS']
  if (known !== undefined) return (JSON.parse(readFileSync(known, 'utf8')) as SharedServers).kafka.brokers
  return shutdown.own('kafka', await startKafka()).brokers
}

function configOf(dir: string, brokers: readonly string[]) {
  const id = `latency-${process.pid}`
  const topics = { app: `APP-${id}`, amqp: `AMQP-${id}`, metric: `METRIC-${id}`, self: `THUMP-${id}` }
  return {
    cluster: 'latency',
    dataDir: join(dir, 'data'),
    transport: { kind: 'kafka', topics, kafka: { brokers: [...brokers], group: id } },
    agent: { node: 'rabbit@latency', logs: [{ paths: [join(dir, 'logs/*.log')] }], resources: { enabled: false } },
  }
}
