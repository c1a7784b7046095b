import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchTable } from './bench.ts'
import { measureElasticsearch } from './embedded/elasticsearch.ts'
import type { Load } from './embedded/events.ts'
import { measureFound } from './embedded/found.ts'
import { measureLog } from './embedded/log.ts'
import { asked, fillDays, fillNaive, naiveCount, rangesOf, type searchDays, sizeOf, warmMs } from './embedded/stores.ts'
import { measureUp } from './embedded/up.ts'

/** The peers are given a part of a large load: the naive table's questions would take hours. */
const peerEvents = 300_000

/**
 * `npm run bench -- embedded [events] [days] [elasticsearch-url]`: into the log and into the days with full text, the
 * questions asked of them, how soon an event is found; beside a single table with LIKE, and beside Elasticsearch. Millions
 * of events in two steps, the second as often as wanted: `embedded fill DIR events days`, then `embedded ask DIR events days`.
 */
export default async function embedded(argv: readonly string[]): Promise<BenchTable[]> {
  const [step, dir = '', events = '0', days = '1'] = argv
  const load = { events: Number(events), days: Number(days) }
  if (step === 'fill') return [{ title: 'written', rows: [await fillDays(join(dir, 'events'), load)] }]
  return step === 'ask' ? await askStored(dir, load) : await all(argv)
}

/** Of what `fill` has written; `thump up` beside it may take out or add nothing. */
async function askStored(dir: string, load: Load): Promise<BenchTable[]> {
  const { rows, coldMs, rssMiB } = askAlone(join(dir, 'events'), load)
  const up = await measureUp(dir)
  return [
    { title: `asked of ${load.events} events of ${load.days} days`, rows },
    { title: 'a process that asked all this', rows: [{ 'cold start ms': coldMs, 'rss MiB': rssMiB }] },
    { title: 'thump up with these days', rows: [up] },
  ]
}

async function all([count = '200000', days = '2', url]: readonly string[]): Promise<BenchTable[]> {
  const load = { events: Number(count), days: Number(days) }
  const peers: Load = { events: Math.min(load.events, peerEvents), days: 1 }
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  const [own, same, naive] = ['days', 'same', 'naive'].map((name) => join(dir, name)) as [string, string, string]
  try {
    const written = await fillDays(own, load)
    const found = askAlone(own, load)
    const facts = { 'disk GiB': sizeOf(own) / 2 ** 30, 'cold start ms': found.coldMs, 'rss MiB after': found.rssMiB }
    const writes = [await fillDays(same, peers), await fillNaive(naive, peers)]
    const elasticsearch = url === undefined ? undefined : await measureElasticsearch(url, peers)
    if (elasticsearch) writes.push(elasticsearch.row)
    const beside = askAlone(same, peers).rows
    const compared: Array<Record<string, string | number>> = []
    for (const [index, [text, like]] of asked.entries()) {
      const theirs = elasticsearch?.times.get(text)
      compared.push({
        query: text || '(all)',
        'days: count ms': Number(beside[index]?.['count a day ms']),
        'newest 100 ms': Number(beside[index]?.['newest 100 of all ms']),
        'naive: count ms': await warmMs(() => naiveCount(naive, like, rangesOf(peers).day)),
        ...(theirs && { 'elasticsearch: count ms': theirs.countMs, 'newest 100 ms ': theirs.newestMs }),
      })
    }
    const sooner = [await measureFound(dir, 100), await measureFound(dir, 5000)]
    return [
      { title: `${load.events} events of ${load.days} days: written`, rows: [{ ...written, ...facts }] },
      { title: 'asked', rows: found.rows },
      { title: 'beside others: written', rows: writes },
      { title: 'beside others: asked', rows: compared },
      { title: 'into the log, synced', rows: await measureLog(dir) },
      { title: 'from the log to found by a word', rows: sooner },
    ]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function askAlone(dir: string, { events, days }: Load): Awaited<ReturnType<typeof searchDays>> {
  const script = join(import.meta.dirname, 'embedded/ask.ts')
  const answer = execFileSync(process.execPath, [script, dir, String(events), String(days)], { encoding: 'utf8' })
  return JSON.parse(answer) as Awaited<ReturnType<typeof searchDays>>
}
