import { join } from 'node:path'
import { startForwarder } from '../../../forwarder/forwarder.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import { openLog, recordsOf } from './log.ts'
import { queryOf } from './stores.ts'

const never = new AbortController().signal

/** From the log's acknowledgement until a search by a word finds it, while others come at `rate` a second. */
export async function measureFound(dir: string, rate: number, seconds = 5) {
  const shutdown = new Shutdown()
  const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }
  const transport = shutdown.own('log', await openLog(join(dir, `found-${rate}`)))
  const storage = shutdown.own(
    'storage',
    await createSqliteStorage(
      { dir: join(dir, `found-days-${rate}`), retentionMs: 1e15, maxBytes: 1e15, mode: 'write' },
      deps,
    ),
  )
  shutdown.own('forwarder', await startForwarder({ ...deps, transport, storage, health: createHealth() }))
  const producer = (await transport.createProducer()).value
  const all = recordsOf(rate * seconds)
  const took: number[] = []
  const started = performance.now()
  let sent = 0
  const feeding = (async () => {
    while (sent < all.length) {
      const due = Math.min(all.length, Math.floor(((performance.now() - started) / 1000) * rate))
      if (due > sent) await producer.send(all.slice(sent, due), never)
      sent = Math.max(sent, due)
      await sleep(10)
    }
  })()
  for (let probe = 0; performance.now() - started < seconds * 1000; probe++) {
    const event = {
      '@timestamp': new Date().toISOString(),
      event: { id: `probe-${probe}`, dataset: 'rabbitmq.log' },
      message: `probe ${probe} ends`,
    }
    const record = {
      topic: 'APP',
      key: 'probe',
      value: Buffer.from(JSON.stringify(event)),
      headers: {},
      timestampMs: 0,
    } as const
    await producer.send([record], never)
    const acknowledged = performance.now()
    const query = queryOf(`"probe ${probe} ends"`)
    while ((await storage.search.count(query, { sinceMs: Date.now() - 60_000 }, never)) === 0) await sleep(2)
    took.push(performance.now() - acknowledged)
    await sleep(50)
  }
  await feeding
  await shutdown.run(AbortSignal.timeout(30_000))
  const sorted = took.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    'events a second beside': rate,
    probes: sorted.length,
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
    'rss MiB': process.memoryUsage.rss() / 2 ** 20,
  }
}
