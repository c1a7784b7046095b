import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { indexName } from '../../storage/elasticsearch/index-name.ts'
import type { BenchTable } from './bench.ts'
import {
  type Arrangement,
  fill,
  type ForwardBench,
  setUp,
  startBench,
  startForwarder,
  stored,
} from './forward-bench.ts'
import { feed, type FeedSetting, prebuild } from './forward-ceiling.ts'
import { diskBytes, freshPrefix, javaOf, leaveToServer, median, settled } from './forward-index.ts'
import { outage } from './forward-outage.ts'
import { marks, type Progress, steadyRate } from './forward-rate.ts'
import { steady } from './forward-steady.ts'
import { cpuMs, peakBytes } from './process-use.ts'

const day = Date.parse('2026-11-22T00:00:00Z')

interface Measured {
  readonly rate: number
  /** Of Elasticsearch, µs a document. */
  readonly serverUs: number
  readonly bytes: number
  /** Of the forwarder. */
  readonly clientUs?: number
  readonly peakMb?: number
}

async function fromMemory(
  bench: ForwardBench,
  total: number,
  setting: FeedSetting,
  isMapped: boolean,
): Promise<Measured> {
  const prefix = freshPrefix()
  if (isMapped) await setUp(bench, prefix)
  const bodies = prebuild(total, setting, (topic) => indexName(prefix, topic, day))
  const before = cpuMs(javaOf(bench))
  const rate = await feed(bench.elasticsearch.url, bodies, setting.inFlight)
  await settled(bench, prefix)
  const serverUs = ((cpuMs(javaOf(bench)) - before) * 1000) / total
  return { rate, serverUs, bytes: await diskBytes(bench, prefix) }
}

/** A forwarder of its own process; its CPU and the server's from its first stored document to its last. */
async function forward(bench: ForwardBench, total: number, isMapped: boolean): Promise<Measured> {
  const prefix = freshPrefix()
  await (isMapped ? setUp(bench, prefix) : leaveToServer(bench, prefix))
  const role = await startForwarder(bench, prefix)
  try {
    let first = 0
    while ((first = await stored(role.healthUrl)) === 0) await sleep(20)
    const [cpu, server] = [cpuMs([role.pid]), cpuMs(javaOf(bench))]
    const points: Progress[] = []
    for (let documents = first; documents < total; points.push({ ms: performance.now(), documents })) {
      // Asking costs the forwarder something: often only where it counts.
      const isNear = [...marks, 1].some((mark) => Math.abs(documents / total - mark) < 0.05)
      await sleep(isNear ? 20 : 100)
      documents = await stored(role.healthUrl)
    }
    const count = total - first
    const clientUs = ((cpuMs([role.pid]) - cpu) * 1000) / count
    await settled(bench, prefix)
    const serverUs = ((cpuMs(javaOf(bench)) - server) * 1000) / count
    const peakMb = peakBytes(role.pid) / 1e6
    await role.stop()
    return { rate: steadyRate(points, total), clientUs, serverUs, peakMb, bytes: await diskBytes(bench, prefix) }
  } finally {
    await role.kill()
  }
}

/** How the server is fed decides what it can take: the ceiling is the best of these. They warm it up besides. */
const settings: readonly FeedSetting[] = [
  { documents: 2000, inFlight: 2, isOfOneTopic: false },
  { documents: 2000, inFlight: 4, isOfOneTopic: false },
  { documents: 4000, inFlight: 4, isOfOneTopic: false },
  { documents: 2000, inFlight: 4, isOfOneTopic: true },
  { documents: 4000, inFlight: 4, isOfOneTopic: true },
  { documents: 4000, inFlight: 8, isOfOneTopic: true },
]

/** Enough to compare settings by. */
const triedEvents = 200_000

async function bestSetting(bench: ForwardBench, total: number): Promise<FeedSetting> {
  const tried = Math.min(total, triedEvents)
  // Code that has not run often enough is slow: mapped and dynamic alike run before anything counts.
  for (const isMapped of [true, false, true, false, true]) await fromMemory(bench, tried, settings[1]!, isMapped)
  const rates = settings.map((): number[] => [])
  for (let round = 0; round < 2; round++)
    for (const [number, setting] of settings.entries())
      rates[number]?.push((await fromMemory(bench, tried, setting, true)).rate)
  const slowest = rates.map((of) => Math.min(...of))
  return settings[slowest.indexOf(Math.max(...slowest))] ?? settings[1]!
}

/** Ratios are of the same round: the machine's other work is the same for both. */
function row(name: string, all: readonly Measured[], ceilings: readonly Measured[], dynamic: readonly Measured[]) {
  const of = (pick: (one: Measured) => number | undefined) => median(all.map((one) => pick(one) ?? 0))
  const ratio = (over: readonly Measured[], pick: (one: Measured) => number) =>
    median(over.map((one, round) => pick(one) / pick(all[round] ?? one)))
  return {
    case: name,
    'documents/s': Math.round(of(({ rate }) => rate)),
    'of the ceiling': 1 / ratio(ceilings, ({ rate }) => rate),
    'forwarder CPU µs': of(({ clientUs }) => clientUs) || '',
    'forwarder peak MB': of(({ peakMb }) => peakMb) || '',
    'Elasticsearch CPU µs': of(({ serverUs }) => serverUs),
    'dynamic costs ×': ratio(dynamic, ({ serverUs }) => serverUs),
    'bytes on disk': Math.round(of(({ bytes }) => bytes)),
    'dynamic takes ×': ratio(dynamic, ({ bytes }) => bytes),
  }
}

async function measure(arrangement: Arrangement, total: number, rounds: number): Promise<BenchTable> {
  const shutdown = new Shutdown()
  try {
    const bench = await startBench(shutdown, arrangement)
    await fill(bench, total)
    const setting = await bestSetting(bench, total)
    const [ceilings, forwarded]: [Measured[], Measured[]] = [[], []]
    const [dynamic, forwardedDynamic]: [Measured[], Measured[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      ceilings.push(await fromMemory(bench, total, setting, true))
      forwarded.push(await forward(bench, total, true))
      dynamic.push(await fromMemory(bench, total, setting, false))
      forwardedDynamic.push(await forward(bench, total, false))
    }
    return {
      title: `${arrangement.name}: ${total} events, medians of ${rounds}; from memory ${setting.documents} documents a bulk, ${setting.inFlight} in flight, ${setting.isOfOneTopic ? 'of one topic each' : 'topics mixed'}`,
      rows: [
        row('ceiling: bodies from memory', ceilings, ceilings, dynamic),
        row('forwarder: from Kafka', forwarded, ceilings, forwardedDynamic),
        row('bodies from memory, dynamic mapping', dynamic, ceilings, dynamic),
        row('forwarder, dynamic mapping', forwardedDynamic, ceilings, forwardedDynamic),
      ],
    }
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

/**
 * `npm run bench -- forward [events] [rounds] [--only shared|pinned]` (600,000 events: fewer than some 400,000 leave out
 * the merges that each event's indexing brings with it): from Kafka into Elasticsearch, beside the same
 * Elasticsearch fed with bodies that lie ready in memory, in turns; and the same documents in the same order
 * without a template, as the server maps by itself with its own settings (a refresh each second, the default codec).
 * Twice: all processes share the machine, where Kafka's and the forwarder's CPU is taken from Elasticsearch's; and
 * Elasticsearch has the first processor to itself, in every case, and all else the others.
 * `npm run bench -- forward --steady EVENTS [events] [rounds]`: the templates beside dynamic mapping with so many events
 * a second, from memory, in place of as many as the server takes.
 * `npm run bench -- forward --outage SECONDS [--rate EVENTS]`: Elasticsearch is killed under that load a second, and
 * comes back so much later.
 */
export default async function forwarding(argv: readonly string[]): Promise<readonly BenchTable[]> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      outage: { type: 'string' },
      rate: { type: 'string', default: '20000' },
      steady: { type: 'string' },
    },
  })
  if (values.outage !== undefined) return await outage(Number(values.outage), Number(values.rate))
  const [total = '600000', rounds = '3'] = positionals
  const last = availableParallelism() - 1
  const arrangements: readonly Arrangement[] = [
    { name: 'shared' },
    ...(last > 0 ? [{ name: 'pinned', elasticsearch: '0', rest: `1-${last}` }] : []),
  ]
  const tables: BenchTable[] = []
  const run = (arrangement: Arrangement) =>
    values.steady === undefined
      ? measure(arrangement, Number(total), Number(rounds))
      : steady(arrangement, Number(total), Number(rounds), Number(values.steady))
  for (const arrangement of arrangements)
    if (values.only === undefined || values.only === arrangement.name) tables.push(await run(arrangement))
  return tables
}
