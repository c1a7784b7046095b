import { randomUUID } from 'node:crypto'
import { loadConfig } from '../../runtime/config/load.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { defaultTimes } from '../../transport/kafka/client.ts'
import type { FetchLimits } from '../../transport/kafka/fetch-request.ts'
import { defaultLimits } from '../../transport/kafka/fetcher.ts'
import { createKafkaTransport } from '../../transport/kafka/kafka-transport.ts'
import type { KafkaOptions } from '../../transport/kafka/kafka-parts.ts'
import type { OutRecord, Transport } from '../../transport/transport.ts'
import { recordsOf } from './forward-events.ts'

export const never = new AbortController().signal

/** Topics and a group of their own on the broker, with the defaults but for what a case changes. */
export function optionsOn(brokers: readonly string[], changes: Partial<KafkaOptions> = {}): KafkaOptions {
  const id = randomUUID().slice(0, 8)
  const { kafka } = loadConfig({ base: { transport: { kafka: { brokers, group: id } } } }).config.transport
  const topics = { APP: `APP-${id}`, AMQP: `Q-${id}`, METRIC: `M-${id}`, THUMP: `T-${id}`, DEADLETTER: `DL-${id}` }
  return { ...kafka, topics, ...changes }
}

/** Runs one case on a transport of its own. */
export async function withTransport<T>(
  options: KafkaOptions,
  limits: Partial<FetchLimits>,
  work: (transport: Transport) => Promise<T>,
): Promise<T> {
  const shutdown = new Shutdown()
  const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }
  try {
    const started = await createKafkaTransport(options, deps, defaultTimes, { ...defaultLimits, ...limits })
    return await work(shutdown.own('transport', started))
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

/** The same events in each case, all to APP, over 24 keys. */
export const events: readonly OutRecord[] = [...recordsOf(10_000, 500)]
  .flat()
  .map((record) => ({ ...record, topic: 'APP', timestampMs: Date.now() }))

/** The record at that place below which a share of all lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** CPU seconds of this process while the work ran, and how long it took. */
export async function costing(work: () => Promise<void>): Promise<{ seconds: number; cpuSeconds: number }> {
  const [cpu, startedMs] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 }
}
