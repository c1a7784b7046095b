import { Pool } from 'undici'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { indexName } from '../../storage/elasticsearch/index-name.ts'
import type { BenchTable } from './bench.ts'
import { type Arrangement, type ForwardBench, setUp, startBench } from './forward-bench.ts'
import { type Body, type FeedSetting, prebuild, send } from './forward-ceiling.ts'
import { diskBytes, freshPrefix, javaOf, median, settled } from './forward-index.ts'
import { cpuMs } from './process-use.ts'

const day = Date.parse('2026-11-22T00:00:00Z')
const setting: FeedSetting = { documents: 1000, inFlight: 8, isOfOneTopic: true }
/** The JVM compiles what it has run often: until then its compiler costs more than the documents. */
const warmUps = 6

interface Measured {
  /** Of Elasticsearch, µs a document. */
  readonly serverUs: number
  readonly bytes: number
}

/** Sends so many documents a second, however long an answer takes. */
async function feedAt(url: string, bodies: readonly Body[], rate: number): Promise<void> {
  const pool = new Pool(url, { connections: setting.inFlight })
  const startedMs = performance.now()
  const answers: Promise<void>[] = []
  let sent = 0
  for (const body of bodies) {
    const waitMs = startedMs + (sent * 1000) / rate - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    answers.push(send(pool, body))
    sent += body.documents
  }
  await Promise.all(answers)
  await pool.close()
}

async function run(bench: ForwardBench, total: number, rate: number, isMapped: boolean): Promise<Measured> {
  const prefix = freshPrefix()
  if (isMapped) await setUp(bench, prefix)
  const bodies = prebuild(total, setting, (topic) => indexName(prefix, topic, day))
  const before = cpuMs(javaOf(bench))
  await feedAt(bench.elasticsearch.url, bodies, rate)
  await settled(bench, prefix)
  const serverUs = ((cpuMs(javaOf(bench)) - before) * 1000) / total
  return { serverUs, bytes: await diskBytes(bench, prefix) }
}

/** What a document costs the server that has time: with our templates, and mapped by itself, in turns. */
export async function steady(arrangement: Arrangement, total: number, rounds: number, rate: number) {
  const shutdown = new Shutdown()
  try {
    const bench = await startBench(shutdown, arrangement)
    for (let round = 0; round < warmUps; round++) await run(bench, total, Infinity, round % 2 === 0)
    const [mapped, dynamic]: [Measured[], Measured[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      mapped.push(await run(bench, total, rate, true))
      dynamic.push(await run(bench, total, rate, false))
    }
    const row = (name: string, all: readonly Measured[]) => ({
      case: name,
      'Elasticsearch CPU µs': median(all.map(({ serverUs }) => serverUs)),
      'dynamic costs ×': median(all.map((one, round) => (dynamic[round]?.serverUs ?? 0) / one.serverUs)),
      'bytes on disk': Math.round(median(all.map(({ bytes }) => bytes))),
      'dynamic takes ×': median(all.map((one, round) => (dynamic[round]?.bytes ?? 0) / one.bytes)),
    })
    const table: BenchTable = {
      title: `${arrangement.name}: ${total} events at ${rate} a second, ${setting.documents} a bulk, medians of ${rounds}`,
      rows: [row('templates', mapped), row('dynamic mapping', dynamic)],
    }
    return table
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}
