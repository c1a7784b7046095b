import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openIdentity } from '../../agent/identity.ts'
import { openSources } from '../../agent/open-sources.ts'
import type { Emit } from '../../agent/source.ts'
import { createLogFilesSource } from '../../agent/sources/log-files/log-files.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { createHealth } from '../../runtime/health.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import type { BenchTable } from './bench.ts'
import { record, writeLog } from './rabbitmq-load.ts'

type Row = BenchTable['rows'][number]
interface Case {
  readonly kind: 'whole' | 'framing' | 'idle' | 'latency'
  readonly folder: string
  /** How many records come out. */
  readonly records: number
}

const identityOf = (dataDir: string) => openIdentity({ dataDir, node: 'rabbit@bench', cluster: 'bench' })

/** The source with a transport that takes everything at once; `whole` with all that the agent does to a line. */
function openSource({ kind, folder }: Case, emit: Emit) {
  const dataDir = join(folder, 'data')
  const base = { dataDir, agent: { logs: [{ paths: [join(folder, '*.log')] }], resources: { enabled: false } } }
  const { config } = loadConfig({ base })
  const common = {
    identity: identityOf(dataDir),
    emit,
    log: silentLogger,
    metrics: createMetrics(),
    health: createHealth(),
    now: Date.now,
  }
  if (kind !== 'framing') return openSources({ ...common, config }).sources[0]
  return createLogFilesSource({ ...common, inputs: config.agent.logs, dataDir })
}

async function throughput(one: Case): Promise<Row> {
  let [records, bytes] = [0, 0]
  let done = () => {}
  const finished = new Promise<void>((resolve) => (done = resolve))
  const emit: Emit = {
    records: async (batch) => {
      for (const { value } of batch) bytes += value.length
      records += batch.length
      await new Promise(setImmediate)
      if (records >= one.records) done()
    },
    events: () => Promise.resolve(),
  }
  const source = openSource(one, emit)
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  const running = await source?.start()
  await finished
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - started) / 1000
  const { rss } = process.memoryUsage()
  await running?.stop()
  return {
    case: one.kind === 'whole' ? 'parsed, recognised, masked, encoded' : 'framed and encoded only',
    'events/s': Math.round(records / seconds),
    'events/CPU-s': Math.round((records * 1e6) / (user + system)),
    'event bytes': Math.round(bytes / records),
    'RSS MB': Math.round(rss / 1e6),
  }
}

/** What 200 files cost on which nothing happens. */
async function idle(one: Case): Promise<Row> {
  const running = await openSource(one, { records: () => Promise.resolve(), events: () => Promise.resolve() })?.start()
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  await pause(3000)
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  await pause(10_000)
  const { user, system } = process.cpuUsage(cpu)
  const share = (user + system) / 1000 / (performance.now() - started)
  const { rss } = process.memoryUsage()
  await running?.stop()
  return { case: '200 files, nothing written', '% of a core': share * 100, 'RSS MB': Math.round(rss / 1e6) }
}

/** From the append of a line whose end is proven by the next until the transport has it. */
async function latency(one: Case): Promise<Row> {
  const sentAt = new Map<string, number>()
  const waits: number[] = []
  const emit: Emit = {
    records: (batch) => {
      for (const { value } of batch) {
        const mark = /mark (\d+)e/.exec(Buffer.from(value).toString('latin1'))?.[1] ?? ''
        const since = sentAt.get(mark)
        if (since !== undefined) waits.push(performance.now() - since)
      }
      return Promise.resolve()
    },
    events: () => Promise.resolve(),
  }
  const running = await openSource(one, emit)?.start()
  const path = join(one.folder, '0.log')
  for (let index = 0; index < 100; index++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const line = (text: string, micro: string) => `2026-11-22 00:00:00.${micro}+00:00 [info] <0.1.0> ${text}\n`
    sentAt.set(String(index), performance.now())
    appendFileSync(path, line(`mark ${index}e`, '000001') + line('next', '000002'))
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  await running?.stop()
  waits.sort((a, b) => a - b)
  const at = (share: number) => waits[Math.floor((waits.length - 1) * share)] ?? Number.NaN
  return { case: 'append to transport', lines: waits.length, 'median ms': at(0.5), 'p99 ms': at(0.99) }
}

const work = { whole: throughput, framing: throughput, idle, latency }

async function inChild(one: Case): Promise<Row> {
  const child = fork(import.meta.filename, { env: { ...process.env, THUMP_BENCH_CASE: JSON.stringify(one) } })
  const [row] = (await once(child, 'message')) as [Row]
  if (child.connected) child.disconnect()
  return row
}

/** How fast log files are read into a transport that costs nothing, and what they cost at rest. `--lines N` */
export default async function logFiles(argv: readonly string[]): Promise<BenchTable[]> {
  const lines = Number(argv[argv.indexOf('--lines') + 1] ?? 0) || 400_000
  const folders: string[] = []
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'thump-bench-'))
    folders.push(made)
    return made
  }
  try {
    const speeds: Row[] = []
    for (const kind of ['framing', 'whole'] as const) {
      const place = folder()
      const { records } = writeLog(join(place, 'rabbit.log'), lines)
      speeds.push(await inChild({ kind, folder: place, records }))
    }
    const many = folder()
    for (let index = 0; index < 200; index++) writeFileSync(join(many, `${index}.log`), record(index))
    const rest = await inChild({ kind: 'idle', folder: many, records: 0 })
    const quick = await inChild({ kind: 'latency', folder: many, records: 0 })
    return [
      { title: `log files: ${lines.toLocaleString('en-US')} lines into no transport, one process`, rows: speeds },
      { title: 'log files at rest', rows: [rest] },
      { title: 'log files: time from append to transport, 200 files followed', rows: [quick] },
    ]
  } finally {
    for (const made of folders) rmSync(made, { recursive: true, force: true })
  }
}

const given = process.env['THUMP_BENCH_CASE']
if (given !== undefined) {
  const one = JSON.parse(given) as Case
  const row = await work[one.kind](one)
  process.send?.(row)
  process.disconnect?.()
}
