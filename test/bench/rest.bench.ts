import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { startElasticsearch } from '../servers/elasticsearch.ts'
import { startKafka } from '../servers/kafka.ts'
import type { BenchTable } from './bench.ts'
import { cpuMs, peakBytes, residentBytes } from './process-use.ts'
import { record } from './rabbitmq-load.ts'
import { runInstalled } from './run-installed.ts'

interface Servers {
  readonly brokers: readonly string[]
  readonly elasticsearchUrl: string
}

const roles = ['agent', 'forwarder', 'alerting', 'up'] as const
type Role = (typeof roles)[number]

const logFiles = 200
/** Topics are made and groups joined before a role counts as being at rest. */
const settleMs = 15_000
const rules = join(import.meta.dirname, '../../deploy/rules/*.yaml')

/**
 * `npm run bench -- rest [seconds] [role,role]`: what each role costs while nothing happens, as it is installed: the agent
 * with 200 log files, the forwarder between Kafka and Elasticsearch, the alerter with the whole rule pack, and all in one on
 * the embedded kinds with the same files and rules.
 */
export default async function rest([seconds = '20', names = roles.join()]: readonly string[]): Promise<BenchTable> {
  const shutdown = new Shutdown()
  try {
    const asked = roles.filter((role) => names.split(',').includes(role))
    const needsServers = asked.some((role) => role !== 'up')
    const servers: Servers = {
      brokers: needsServers ? shutdown.own('kafka', await startKafka()).brokers : [],
      elasticsearchUrl: asked.includes('forwarder') ? shutdown.own('search', await startElasticsearch()).url : '',
    }
    const rows: BenchTable['rows'][number][] = []
    for (const role of asked) rows.push(await measure(role, Number(seconds), servers))
    return { title: `at rest over ${seconds} s, ${logFiles} log files where logs are followed`, rows }
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

async function measure(role: Role, seconds: number, servers: Servers): Promise<BenchTable['rows'][number]> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  try {
    mkdirSync(join(dir, 'logs'))
    for (let index = 0; index < logFiles; index++) writeFileSync(join(dir, 'logs', `${index}.log`), record(index))
    const startedMs = performance.now()
    const running = await runInstalled([role], { config: JSON.stringify(configOf(role, dir, servers)) })
    try {
      await running.ready()
      const readyMs = performance.now() - startedMs
      const startSeconds = cpuMs([running.pid]) / 1000
      await sleep(settleMs)
      const before = cpuMs([running.pid])
      await sleep(seconds * 1000)
      const usedMs = cpuMs([running.pid]) - before
      return {
        role,
        'ready after ms': Math.round(readyMs),
        'CPU s to be ready': startSeconds,
        '% of a core at rest': (usedMs / (seconds * 1000)) * 100,
        'RSS MB': Math.round(residentBytes(running.pid) / 1e6),
        'peak MB': Math.round(peakBytes(running.pid) / 1e6),
      }
    } finally {
      await running.stop()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function configOf(role: Role, dir: string, { brokers, elasticsearchUrl }: Servers) {
  const isEmbedded = role === 'up'
  return {
    cluster: 'bench',
    dataDir: join(dir, 'data'),
    transport: isEmbedded ? { kind: 'embedded' } : { kind: 'kafka', kafka: { brokers } },
    storage:
      isEmbedded || elasticsearchUrl === ''
        ? { kind: 'sqlite' }
        : { kind: 'elasticsearch', elasticsearch: { nodes: [elasticsearchUrl] } },
    agent: { node: 'rabbit@bench', logs: [{ paths: [join(dir, 'logs/*.log')] }], resources: { enabled: false } },
    alerting: { rules: [rules], listen: '127.0.0.1:0' },
    log: { level: 'warn', format: 'json' },
  }
}
