import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { type Logger, createLogger } from '../../../runtime/log.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import { defaultTimes, type KafkaTimes } from '../../../transport/kafka/client.ts'
import { createKafkaTransport } from '../../../transport/kafka/kafka-transport.ts'
import type { KafkaOptions } from '../../../transport/kafka/kafka-parts.ts'
import type { ConsumerHandlers, ConsumerOptions, InRecord, Transport } from '../../../transport/transport.ts'
import { shared } from '../../servers/shared.ts'

export const never = new AbortController().signal

/** Topics and a group of its own on the shared Kafka. */
export function kafkaOptions(changes: Partial<KafkaOptions> = {}): KafkaOptions {
  const id = randomUUID()
  const named = (topic: string) => `${topic}-${id}`
  return {
    brokers: [...shared().kafka.brokers],
    clientId: 'thump-test',
    group: `thump-${id}`,
    compression: 'zstd',
    createTopics: { partitions: 2, replicationFactor: -1, retention: 604_800_000 },
    linger: 5,
    maxBatchBytes: 1_000_000,
    topics: {
      APP: named('APP'),
      AMQP: named('AMQP'),
      METRIC: named('METRIC'),
      THUMP: named('THUMP'),
      DEADLETTER: named('DEADLETTER'),
    },
    ...changes,
  }
}

export interface Told {
  readonly level: number
  readonly msg: string
}

/** A logger that keeps what it is told. */
export function keepingLogger(): { readonly log: Logger; readonly told: Told[] } {
  const told: Told[] = []
  const destination = { write: (line: string) => void told.push(JSON.parse(line) as Told) }
  return { log: createLogger({ level: 'info', format: 'json', colour: false, destination }), told }
}

export interface Opened {
  readonly transport: Transport
  readonly metrics: Metrics
  readonly told: readonly Told[]
}

/** A transport that is gone at the end of the test. */
export async function openKafka(options: KafkaOptions, times: Partial<KafkaTimes> = {}): Promise<Opened> {
  const { log, told } = keepingLogger()
  const metrics = createMetrics()
  const deps = { log, metrics, now: systemClock }
  const { value, stop } = await createKafkaTransport(options, deps, { ...defaultTimes, ...times })
  onTestFinished(stop)
  return { transport: value, metrics, told }
}

/** Reads APP from its beginning and keeps what comes. */
export async function readAll(
  transport: Transport,
  handlers: Partial<ConsumerHandlers> = {},
  options: Partial<ConsumerOptions> = {},
) {
  const records: InRecord[] = []
  const { value, stop } = await transport.createConsumer(
    { role: 'reader', topics: ['APP'], startAt: 'beginning', ...options },
    { records: async (batch) => void records.push(...batch.records), ...handlers },
  )
  return { records, consumer: value, stop, texts: () => records.map((record) => record.value.toString()) }
}
