import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startForwarder } from '../../../forwarder/forwarder.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import { eventually } from '../../servers/eventually.ts'
import { itemOf, query } from '../storage/conformance.ts'
import { openAt } from '../transport/embedded-setup.ts'

const never = new AbortController().signal
const hourMs = 3_600_000
const mib = 2 ** 20
/** Of the log and of the days, each; `npm run soak` asks for a gigabyte. */
const boundBytes = Number(process.env['THUMP_WEEK_MIB'] ?? 16) * mib
/** Enough to fill the days several times over. */
const perHour = Math.floor((boundBytes / mib) * 30)

/** What lies in a folder; files that go meanwhile count nothing. */
function sizeOf(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const found = statSync(join(dir, name), { throwIfNoEntry: false })
    return sum + (found?.isFile() === true ? found.size : 0)
  }, 0)
}

test(
  'a week of events stays within the bounds of log and days, hour for hour, and every hour is found when it comes',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'thump-week-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const shutdown = new Shutdown()
    onTestFinished(() => shutdown.run(AbortSignal.timeout(30_000)))
    // Whole days: the outcome must not hang on the time of day.
    const startMs = (Math.floor(Date.now() / (24 * hourMs)) - 7) * 24 * hourMs
    let simulatedMs = startMs
    const limits = { partitions: 2, retentionMs: 7 * 24 * hourMs, maxBytes: boundBytes }
    const log = shutdown.own('log', await openAt(join(dir, 'log'), limits, silentLogger, () => simulatedMs))
    const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }
    const days = {
      dir: join(dir, 'events'),
      retentionMs: 30 * 24 * hourMs,
      maxBytes: boundBytes,
      mode: 'write',
    } as const
    const storage = shutdown.own('days', await createSqliteStorage(days, deps))
    const parts = { ...deps, transport: log, storage, health: createHealth() }
    shutdown.own('forwarder', await startForwarder(parts))
    const producer = (await log.createProducer()).value
    let largest = { log: 0, days: 0 }
    for (let hour = 0; hour < 7 * 24; hour++) {
      simulatedMs = startMs + hour * hourMs
      const records = Array.from({ length: perHour }, (_, number) => {
        const { topic, id, value, atMs } = itemOf(
          `${hour}-${number}`,
          simulatedMs + Math.floor((number / perHour) * hourMs),
          {
            message: `accepting AMQP connection <0.${hour * perHour + number}.0> (10.0.${hour}.${number % 250}:${30_000 + number})`,
            rabbitmq: { connection: `10.0.${hour}.${number % 250}:${30_000 + number}`, vhost: '/' },
            user: { name: `app-${number % 40}` },
          },
        )
        return { topic, key: `key ${number % 7}`, value, headers: { id }, timestampMs: atMs }
      })
      await producer.send(records, never)
      const thisHour = { sinceMs: simulatedMs, untilMs: simulatedMs + hourMs }
      await eventually(async () => (await storage.search.count(query(''), thisHour, never)) === perHour, { everyMs: 5 })
      largest = {
        log: Math.max(largest.log, sizeOf(join(dir, 'log'))),
        days: Math.max(largest.days, sizeOf(join(dir, 'events'))),
      }
    }
    // All that lies in their folders counts: offsets, write-ahead logs, the full-text index.
    expect(largest.log).toBeLessThanOrEqual(boundBytes)
    expect(largest.days).toBeLessThanOrEqual(boundBytes)
    // They were full.
    expect(largest.log).toBeGreaterThan(boundBytes * 0.7)
    expect(largest.days).toBeGreaterThan(boundBytes * 0.5)
    const kept = await storage.search.count(query(''), {}, never)
    expect(kept).toBeGreaterThanOrEqual(20 * perHour)
    expect(kept).toBeLessThan(7 * 24 * perHour)
  },
  240_000 + (boundBytes / mib) * 2000,
)
