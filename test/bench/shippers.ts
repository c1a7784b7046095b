import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureTool } from '../servers/cache.ts'
import { eventually } from '../servers/eventually.ts'
import { runInstalled } from './run-installed.ts'

export interface ShipRequest {
  readonly brokers: readonly string[]
  readonly topic: string
  /** For configuration and state. */
  readonly folder: string
  /** The log file; it comes after the start. */
  readonly live: string
  readonly compression: 'none' | 'zstd' | 'lz4' | 'snappy'
}

export interface Shipper {
  readonly pid: number
  stop(): Promise<unknown>
}

/** The agent as it is installed, and nothing but its log files. */
export async function startThump({ brokers, topic, folder, live, compression }: ShipRequest): Promise<Shipper> {
  const config = {
    cluster: 'bench',
    dataDir: join(folder, 'data'),
    transport: { kind: 'kafka', topics: { app: topic }, kafka: { brokers, compression } },
    agent: { node: 'rabbit@bench', logs: [{ paths: [live] }], resources: { enabled: false } },
  }
  const flags = process.env['THUMP_BENCH_NODE_OPTIONS']
  const running = await runInstalled(['agent'], {
    config: JSON.stringify(config),
    env: flags === undefined ? {} : { NODE_OPTIONS: flags },
  })
  await running.ready()
  return { pid: running.pid, stop: () => running.stop() }
}

/** rsyslog as Debian packages it: its own settings for queues and batches, librdkafka's for the rest. */
export const startRsyslog = (request: ShipRequest) => startRsyslogWith(request, '', [])

/** rsyslog as its manual tunes it: large batches, librdkafka left to batch by itself. */
export const startTunedRsyslog = (request: ShipRequest) =>
  startRsyslogWith(
    request,
    'main_queue(queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="4096" queue.workerThreads="1")',
    ['linger.ms=5', 'queue.buffering.max.messages=200000'],
  )

async function startRsyslogWith(
  { brokers, topic, folder, live, compression }: ShipRequest,
  queue: string,
  tuned: readonly string[],
): Promise<Shipper> {
  const program = await ensureTool('rsyslogd')
  const work = join(folder, 'rsyslog')
  mkdirSync(work)
  const params = ['acks=all', `compression.codec=${compression}`, ...tuned]
  const file = join(work, 'rsyslog.conf')
  const started = join(work, 'started')
  writeFileSync(
    file,
    `global(workDirectory="${work}")
module(load="imfile" mode="inotify")
module(load="omkafka")
template(name="line" type="string" string="%msg%")
${queue}
input(type="imfile" File="${live}" Tag="rabbit")
action(type="omkafka" broker=[${brokers.map((broker) => `"${broker}"`).join(',')}] topic="${topic}" template="line"
  partitions.auto="on" resubmitOnFailure="on" action.resumeRetryCount="-1" confParam=[${params.map((param) => `"${param}"`).join(',')}])
`,
  )
  const child = spawn(program, ['-n', '-f', file, '-i', started], { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = once(child, 'exit')
  await eventually(() => existsSync(started), { what: 'rsyslogd is running' })
  return {
    pid: child.pid ?? 0,
    stop: () => {
      child.kill('SIGKILL')
      return ended
    },
  }
}
