import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadConfig } from '../../runtime/config/load.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import type { Shutdown } from '../../runtime/shutdown.ts'
import { openStorage } from '../../storage/open-storage.ts'
import { openTransport } from '../../transport/open-transport.ts'
import { type Elasticsearch, startElasticsearch } from '../servers/elasticsearch.ts'
import { type Kafka, startKafka } from '../servers/kafka.ts'
import type { ThumpProcess } from '../servers/run-thump.ts'
import { recordsOf } from './forward-events.ts'
import { runInstalled } from './run-installed.ts'

/** Servers of a benchmark's own, and the names of its topics. */
export interface ForwardBench {
  readonly kafka: Kafka
  readonly elasticsearch: Elasticsearch
  readonly dir: string
  readonly id: string
}

/** Which processors Elasticsearch has, and which everything else; where they share, neither is named. */
export interface Arrangement {
  readonly name: string
  readonly elasticsearch?: string
  readonly rest?: string
}

export const never = new AbortController().signal
const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }

export async function startBench(shutdown: Shutdown, { elasticsearch: cores, rest }: Arrangement) {
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  shutdown.add('dir', async () => rmSync(dir, { recursive: true, force: true }))
  // What this process starts from now on inherits it.
  if (rest !== undefined) execFileSync('taskset', ['-a', '-c', '-p', rest, String(process.pid)])
  const [kafka, elasticsearch] = await Promise.all([
    startKafka(),
    startElasticsearch(cores === undefined ? {} : { cores }),
  ])
  const bench: ForwardBench = {
    kafka: shutdown.own('kafka', kafka),
    elasticsearch: shutdown.own('elasticsearch', elasticsearch),
    dir,
    id: randomUUID().slice(0, 8),
  }
  return bench
}

function configOf({ kafka, elasticsearch, dir, id }: ForwardBench, group: string, indexPrefix: string) {
  const topics = { app: 'APP', amqp: 'AMQP', metric: 'METRIC', self: 'THUMP', deadLetter: 'DEADLETTER' }
  return {
    dataDir: dir,
    transport: {
      kind: 'kafka',
      topics: Object.fromEntries(Object.entries(topics).map(([key, name]) => [key, `${name}-${id}`])),
      kafka: { brokers: [...kafka.brokers], group },
    },
    storage: {
      kind: 'elasticsearch',
      elasticsearch: { nodes: [elasticsearch.url], indexPrefix, retention: '3650d' },
    },
    log: { level: 'warn', format: 'json' },
  }
}

/** Writes events as an agent does. */
export async function openProducer(bench: ForwardBench) {
  const { config } = loadConfig({ base: configOf(bench, 'fill', 'fill') })
  const { value: transport, stop } = await openTransport(config, deps)
  await transport.ensureTopics(never)
  const { value: producer } = await transport.createProducer()
  return { producer, stop }
}

export async function fill(bench: ForwardBench, total: number): Promise<void> {
  const { producer, stop } = await openProducer(bench)
  for (const records of recordsOf(total, 2000)) await producer.send(records, never)
  await stop()
}

/** The templates, put before the first document comes. */
export async function setUp(bench: ForwardBench, prefix: string): Promise<void> {
  const { config } = loadConfig({ base: configOf(bench, 'setup', prefix) })
  const { value, stop } = await openStorage(config, deps)
  await value.store.setup(never)
  await stop()
}

/** A forwarder as a process of its own, which has read nothing yet. */
export function startForwarder(bench: ForwardBench, prefix: string): Promise<ThumpProcess> {
  return runInstalled(['forwarder'], { config: stringify(configOf(bench, `group-${prefix}`, prefix)) })
}

/** The sum of a metric over the series whose labels contain `labels`; 0 while nothing answers. */
export async function metric(healthUrl: string, name: string, labels = ''): Promise<number> {
  const text = await fetch(`${healthUrl}/metrics`).then(
    (response) => response.text(),
    () => '',
  )
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

export const stored = (healthUrl: string) => metric(healthUrl, 'thump_stored_total', 'outcome="stored"')
