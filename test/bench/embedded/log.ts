import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createEmbeddedTransport } from '../../../transport/embedded/embedded-transport.ts'
import type { OutRecord } from '../../../transport/transport.ts'
import { itemsOf } from './events.ts'

const never = new AbortController().signal
const topics = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const

export function openLog(dir: string) {
  return createEmbeddedTransport(
    { dir, topics, partitions: 4, retentionMs: 1e12, maxBytes: 2 ** 36, mode: 'write' },
    { log: silentLogger, metrics: createMetrics(), now: Date.now },
  )
}

export function recordsOf(count: number): OutRecord[] {
  return itemsOf({ events: count, days: 1 }, 0, count).map(({ topic, value, id, atMs }, index) => ({
    topic,
    key: `node-${index % 16}/log`,
    value,
    headers: { schema: '1', id },
    timestampMs: atMs,
  }))
}

/** Several sources send at once, each the next batch when the one before is on disk. */
export async function measureLog(dir: string, seconds = 3) {
  const rows: Array<Record<string, string | number>> = []
  for (const [senders, batch] of [
    [8, 1000],
    [8, 100],
    [1, 1000],
    [1, 1],
  ] as const) {
    const { value, stop } = await openLog(join(dir, `log-${senders}-${batch}`))
    const producer = await value.createProducer()
    const records = recordsOf(batch)
    const cpu = process.cpuUsage()
    const started = performance.now()
    let [sent, rounds] = [0, 0]
    await Promise.all(
      Array.from({ length: senders }, async () => {
        while (performance.now() - started < seconds * 1000) {
          await producer.value.send(records, never)
          sent += records.length
          rounds++
        }
      }),
    )
    const wallMs = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    await stop()
    rows.push({
      senders,
      'records a batch': batch,
      'records a second': (sent * 1000) / wallMs,
      'records a CPU second': (sent * 1e6) / (user + system),
      'ms to be on disk': (wallMs * senders) / rounds,
    })
  }
  for (const name of readdirSync(dir).filter((one) => one.startsWith('log-')))
    rmSync(join(dir, name), { recursive: true })
  return rows
}
