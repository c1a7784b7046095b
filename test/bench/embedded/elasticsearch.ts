import { loadConfig } from '../../../runtime/config/load.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createElasticsearchStorage } from '../../../storage/elasticsearch/elasticsearch-storage.ts'
import { dayMs, type Load } from './events.ts'
import { asked, fill, queryOf, rangesOf, warmMs } from './stores.ts'

const never = new AbortController().signal

/** The same load into a running Elasticsearch, and the same questions; its own CPU as it counts it. */
export async function measureElasticsearch(url: string, load: Load) {
  const prefix = `bench-${process.pid}`
  const call = async (method: string, path: string) => {
    const response = await fetch(`${url}${path}`, { method })
    return (await response.json()) as Record<string, never>
  }
  const cpuMs = async () => {
    const { nodes } = (await call('GET', '/_nodes/stats/process')) as unknown as {
      nodes: Record<string, { process: { cpu: { total_in_millis: number } } }>
    }
    return Object.values(nodes).reduce((sum, node) => sum + node.process.cpu.total_in_millis, 0)
  }
  const { elasticsearch } = loadConfig({ base: {} }).config.storage
  const { value, stop } = await createElasticsearchStorage(
    { ...elasticsearch, nodes: [url], indexPrefix: prefix, retentionMs: 1e13 },
    { log: silentLogger, metrics: createMetrics(), now: Date.now },
  )
  try {
    await value.store.setup(never)
    const before = await cpuMs()
    const speed = await fill(load, async (items) => await value.store.write(items, never))
    await call('POST', `/${prefix}-*/_forcemerge?max_num_segments=1`)
    const usedMs = (await cpuMs()) - before
    const stats = (await call('GET', `/${prefix}-*/_stats/store`)) as unknown as {
      _all: { primaries: { store: { size_in_bytes: number } } }
    }
    const ownCpu = 1e6 / speed['a CPU second'] / 1000
    const row = {
      store: 'elasticsearch',
      events: load.events,
      'a CPU second': 1000 / (usedMs / load.events + ownCpu),
      'a second': speed['a second'],
      'bytes an event': stats._all.primaries.store.size_in_bytes / load.events,
    }
    const { day, all } = rangesOf(load)
    const times = new Map<string, { countMs: number; newestMs: number; histogramMs: number }>()
    for (const [text] of asked) {
      const query = queryOf(text)
      times.set(text, {
        countMs: await warmMs(() => value.search.count(query, day, never)),
        newestMs: await warmMs(() => value.search.search({ ...all, query, sort: 'desc', limit: 100 }, never)),
        histogramMs: await warmMs(() => value.search.histogram(query, all, dayMs, never)),
      })
    }
    return { row, times }
  } finally {
    await stop()
    const indices = await call('GET', `/${prefix}-*`)
    for (const index of Object.keys(indices)) await call('DELETE', `/${index}`)
    await call('DELETE', `/_index_template/${prefix}-*`)
    await call('DELETE', `/_component_template/${prefix}*`)
  }
}
