import type { Logger } from '../../runtime/log.ts'
import { retryForever } from '../../runtime/retry.ts'
import { RejectedError } from '../../runtime/errors.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import type { Transport } from '../transport.ts'
import { defaultTimes, KafkaClient } from './client.ts'
import { type KafkaConsumer, startConsumer } from './consumer.ts'
import { defaultLimits } from './fetcher.ts'
import type { KafkaOptions, KafkaParts } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { Outage, OutageLog } from './outage.ts'
import { startProducer } from './producer.ts'
import { createMissing, tellDifferences } from './topics.ts'

const backoff = { baseMs: 200, maxMs: 10_000 }

/** Events by way of Kafka. Starts without it, and waits for it. */
export async function createKafkaTransport(
  options: KafkaOptions,
  deps: RuntimeDeps,
  times = defaultTimes,
  fetchLimits = defaultLimits,
): Promise<Started<Transport>> {
  const log = deps.log.child({ component: 'transport.kafka' })
  const restarts = deps.metrics.counter(
    'thump_consumer_restarts_total',
    'Readings that did not go on and were begun anew',
  )
  const connect = () => new KafkaClient(options, times, log)
  const outages = watchOutages(deps, log)
  const parts: KafkaParts = { options, log, outages, fetchLimits, connect, onStuck: () => restarts.inc() }
  const started = new Set<() => Promise<void>>()
  const consumers = new Set<KafkaConsumer>()
  showLag(deps, consumers)
  const own = <T>({ value, stop }: Started<T>, forget?: () => void): Started<T> => {
    const once = async () => {
      started.delete(once)
      await stop()
      forget?.()
    }
    started.add(once)
    return { value, stop: once }
  }
  const value: Transport = {
    kind: 'kafka',
    createProducer: async (producerOptions) => own(startProducer(parts, producerOptions)),
    createConsumer: async (consumerOptions, handlers) => {
      const consumer = startConsumer(parts, consumerOptions, handlers)
      consumers.add(consumer.value)
      return own(consumer, () => consumers.delete(consumer.value))
    },
    ensureTopics: (signal) => ensureTopics(parts, signal),
  }
  const stop = async () => {
    await Promise.all([...started].map((stopOne) => stopOne()))
  }
  return { value, stop }
}

function watchOutages({ metrics, now }: RuntimeDeps, log: Logger): OutageLog {
  const failures = metrics.counter('thump_kafka_failures_total', 'Calls to Kafka that failed and are tried again')
  const outages = new OutageLog(log, now, () => failures.inc())
  const help = 'How long Kafka or a part of it has been away; 0 while all works'
  metrics.gauge('thump_kafka_outage_seconds', help, [], (gauge) => gauge.set(outages.lastingMs / 1000))
  return outages
}

async function ensureTopics({ options, log, outages, connect }: KafkaParts, signal: AbortSignal): Promise<void> {
  const client = connect()
  const outage = new Outage(outages)
  const deps = { client, metadata: new Metadata(client), createTopics: options.createTopics, log }
  const names = Object.values(options.topics)
  const work = async () => {
    await createMissing(deps, names)
    await tellDifferences(deps, names)
  }
  try {
    await retryForever(work, backoff, signal, {
      onFailure: (cause) => outage.failed('topics', cause),
      onRecovered: () => outage.worked('topics'),
      isFatal: (cause) => cause instanceof RejectedError,
    })
  } finally {
    outage.end()
    client.close()
  }
}

/** Roles of one process share the gauge: the one furthest behind is shown. */
function showLag({ metrics }: RuntimeDeps, consumers: ReadonlySet<KafkaConsumer>): void {
  metrics.gauge('thump_consumer_lag', 'Records of a partition not handled yet', ['topic', 'partition'], (gauge) => {
    gauge.reset()
    const greatest = new Map<string, { topic: string; partition: number; records: number }>()
    for (const lag of [...consumers].flatMap((consumer) => consumer.lag())) {
      const key = `${lag.topic} ${lag.partition}`
      if (lag.records >= (greatest.get(key)?.records ?? 0)) greatest.set(key, lag)
    }
    for (const { topic, partition, records } of greatest.values())
      gauge.set({ topic, partition: String(partition) }, records)
  })
}
