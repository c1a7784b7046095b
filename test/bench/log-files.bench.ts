import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
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
import { logLatency } from './log-latency.ts'
import { writeLog } from './rabbitmq-load.ts'

type Row = BenchTable['rows'][number]
interface Case {
  readonly kind: 'whole' | 'framing'
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

async function inChild(one: Case): Promise<Row> {
  const child = fork(import.meta.filename, { env: { ...process.env, THUMP_BENCH_CASE: JSON.stringify(one) } })
  const [row] = (await once(child, 'message')) as [Row]
  if (child.connected) child.disconnect()
  return row
}

/**
 * How fast log files are read into a transport that costs nothing; then, into a real Kafka, what following costs at rest
 * and how late a line is. `--lines N`
 */
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
    const title = `log files: ${lines.toLocaleString('en-US')} lines into no transport, one process`
    return [{ title, rows: speeds }, ...(await logLatency())]
  } finally {
    for (const made of folders) rmSync(made, { recursive: true, force: true })
  }
}

const given = process.env['THUMP_BENCH_CASE']
if (given !== undefined) {
  const one = JSON.parse(given) as Case
  const row = await throughput(one)
  process.send?.(row)
  process.disconnect?.()
}
