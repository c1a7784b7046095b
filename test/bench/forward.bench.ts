import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { processesOf } from '../../demo/broker/processes.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { indexName } from '../../storage/elasticsearch/index-name.ts'
import { openStorage } from '../../storage/open-storage.ts'
import { openTransport } from '../../transport/open-transport.ts'
import { type Elasticsearch, startElasticsearch } from '../servers/elasticsearch.ts'
import { type Kafka, startKafka } from '../servers/kafka.ts'
import type { BenchTable } from './bench.ts'
import { feed, prebuild } from './forward-ceiling.ts'
import { recordsOf } from './forward-events.ts'
import { cpuMs, peakBytes } from './process-use.ts'
import { runInstalled } from './run-installed.ts'

const day = Date.parse('2026-11-22T00:00:00Z')
const never = new AbortController().signal
const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }

interface Bench {
  readonly kafka: Kafka
  readonly elasticsearch: Elasticsearch
  readonly dir: string
  readonly total: number
  /** Names of this run's topics. */
  readonly id: string
}

function configOf({ kafka, elasticsearch, dir, id }: Bench, group: string, indexPrefix: string) {
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

async function fill(bench: Bench): Promise<void> {
  const { config } = loadConfig({ base: configOf(bench, 'fill', 'fill') })
  const { value: transport, stop } = await openTransport(config, deps)
  await transport.ensureTopics(never)
  const { value: producer } = await transport.createProducer()
  for (const records of recordsOf(bench.total, 2000)) await producer.send(records, never)
  await stop()
}

async function setUp(bench: Bench, prefix: string): Promise<void> {
  const { config } = loadConfig({ base: configOf(bench, 'setup', prefix) })
  const { value, stop } = await openStorage(config, deps)
  await value.store.setup(never)
  await stop()
}

const javaOf = ({ elasticsearch }: Bench) => processesOf(elasticsearch.base)

interface Measured {
  readonly rate: number
  /** Of Elasticsearch, µs a document. */
  readonly serverUs: number
  readonly bytes: number
  /** Of the forwarder. */
  readonly clientUs?: number
  readonly peakMb?: number
}

/** Bytes on disk of all that the prefix holds, when everything is merged as it would be some hours later. */
async function diskBytes({ elasticsearch: { url } }: Bench, prefix: string): Promise<number> {
  await fetch(`${url}/${prefix}-*/_forcemerge?max_num_segments=1`, { method: 'POST' })
  await fetch(`${url}/${prefix}-*/_flush?force=true`, { method: 'POST' })
  const stats = (await (await fetch(`${url}/${prefix}-*/_stats/store,docs`)).json()) as {
    _all: { primaries: { store: { size_in_bytes: number }; docs: { count: number } } }
  }
  const indices = (await (await fetch(`${url}/_cat/indices/${prefix}-*?h=index`)).text()).trim().split('\n')
  for (const index of indices) await fetch(`${url}/${index}`, { method: 'DELETE' })
  return stats._all.primaries.store.size_in_bytes / stats._all.primaries.docs.count
}

async function ceiling(bench: Bench, isMapped: boolean): Promise<Measured> {
  const prefix = `bench-${randomUUID().slice(0, 8)}`
  if (isMapped) await setUp(bench, prefix)
  const bodies = prebuild(bench.total, 2000, (topic) => indexName(prefix, topic, day))
  const before = cpuMs(javaOf(bench))
  const rate = await feed(bench.elasticsearch.url, bodies, 4)
  const serverUs = ((cpuMs(javaOf(bench)) - before) * 1000) / bench.total
  return { rate, serverUs, bytes: await diskBytes(bench, prefix) }
}

async function stored(healthUrl: string): Promise<number> {
  const text = await fetch(`${healthUrl}/metrics`).then(
    (response) => response.text(),
    () => '', // It has not begun to listen.
  )
  return Number(/^thump_stored_total\{outcome="stored"\} (\d+)/m.exec(text)?.[1] ?? 0)
}

/** A forwarder of its own process, from its first stored document to its last. */
async function forward(bench: Bench): Promise<Measured> {
  const prefix = `bench-${randomUUID().slice(0, 8)}`
  await setUp(bench, prefix)
  const role = await runInstalled(['forwarder'], { config: stringify(configOf(bench, `group-${prefix}`, prefix)) })
  try {
    let first = 0
    while ((first = await stored(role.healthUrl)) === 0) await sleep(20)
    const [startedMs, cpu, server] = [performance.now(), cpuMs([role.pid]), cpuMs(javaOf(bench))]
    let last = first
    while ((last = await stored(role.healthUrl)) < bench.total) await sleep(50)
    const seconds = (performance.now() - startedMs) / 1000
    const count = last - first
    const clientUs = ((cpuMs([role.pid]) - cpu) * 1000) / count
    const serverUs = ((cpuMs(javaOf(bench)) - server) * 1000) / count
    const peakMb = peakBytes(role.pid) / 1e6
    await role.stop()
    return { rate: count / seconds, clientUs, serverUs, peakMb, bytes: await diskBytes(bench, prefix) }
  } finally {
    await role.kill()
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

function row(name: string, all: readonly Measured[], ceilings: readonly Measured[]): BenchTable['rows'][number] {
  const of = (pick: (one: Measured) => number | undefined) => median(all.map((one) => pick(one) ?? 0))
  const share = median(all.map(({ rate }, index) => rate / (ceilings[index]?.rate ?? 1)))
  return {
    case: name,
    'documents/s': Math.round(of(({ rate }) => rate)),
    'of the ceiling': share,
    'forwarder CPU µs': of(({ clientUs }) => clientUs) || '',
    'forwarder peak MB': of(({ peakMb }) => peakMb) || '',
    'Elasticsearch CPU µs': of(({ serverUs }) => serverUs),
    'bytes on disk': Math.round(of(({ bytes }) => bytes)),
  }
}

/**
 * `npm run bench -- forward [events] [rounds]`: from Kafka into Elasticsearch, beside the same Elasticsearch fed with
 * bodies that lie ready in memory, in turns; and the same documents without a template, as the server maps by itself.
 */
export default async function forwarding([count = '200000', times = '3']: readonly string[]): Promise<BenchTable> {
  const shutdown = new Shutdown()
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  shutdown.add('dir', async () => rmSync(dir, { recursive: true, force: true }))
  try {
    const [kafka, elasticsearch] = await Promise.all([startKafka(), startElasticsearch()])
    const bench = {
      kafka: shutdown.own('kafka', kafka),
      elasticsearch: shutdown.own('elasticsearch', elasticsearch),
      dir,
      total: Number(count),
      id: randomUUID().slice(0, 8),
    }
    await fill(bench)
    await ceiling(bench, true) // The server warms up.
    const [ceilings, forwarded, dynamic]: [Measured[], Measured[], Measured[]] = [[], [], []]
    for (let round = 0; round < Number(times); round++) {
      ceilings.push(await ceiling(bench, true))
      forwarded.push(await forward(bench))
      dynamic.push(await ceiling(bench, false))
    }
    return {
      title: `${bench.total} events, medians of ${times}`,
      rows: [
        row('ceiling: bodies from memory', ceilings, ceilings),
        row('forwarder: from Kafka', forwarded, ceilings),
        row('bodies from memory, dynamic mapping', dynamic, ceilings),
      ],
    }
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}
