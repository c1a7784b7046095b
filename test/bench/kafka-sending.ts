import type { KafkaOptions } from '../../transport/kafka/kafka-parts.ts'
import type { BenchTable } from './bench.ts'
import { costing, events, never, optionsOn, quantile, withTransport } from './kafka-bench.ts'

interface SendCase {
  readonly name: string
  readonly changes?: Partial<KafkaOptions>
  /** Records in one call, and how many calls are under way at the same time. */
  readonly records?: number
  readonly inFlight?: number
}

const trickle = { records: 1, inFlight: 50 }
const cases: readonly SendCase[] = [
  { name: 'as by default: zstd, linger 5 ms, 8 sends of 500 in flight' },
  ...(['none', 'lz4', 'snappy', 'gzip'] as const).map((compression) => ({
    name: compression,
    changes: { compression },
  })),
  { name: 'linger 0', changes: { linger: 0 } },
  { name: 'linger 50 ms', changes: { linger: 50 } },
  { name: '1 send in flight', inFlight: 1 },
  { name: '2 sends in flight', inFlight: 2 },
  { name: '32 sends in flight', inFlight: 32 },
  { name: 'maxBatchBytes 16 kB', changes: { maxBatchBytes: 16_000 } },
  { name: 'maxBatchBytes 100 kB', changes: { maxBatchBytes: 100_000 } },
  { name: '50 sends of one record in flight, linger 0', ...trickle, changes: { linger: 0 } },
  { name: 'the same, linger 5 ms', ...trickle },
  { name: 'the same, linger 50 ms', ...trickle, changes: { linger: 50 } },
]

/** What each setting of a producer does to rate, CPU and the time of one send. */
export async function measureSending(brokers: readonly string[], seconds: number): Promise<BenchTable> {
  const rows: Array<Record<string, string | number>> = []
  // Compilers and caches first: the first case must not pay for them.
  await sending(brokers, { name: '' }, 1)
  for (const one of cases) rows.push(await sending(brokers, one, seconds))
  return { title: `Sending for ${seconds} s a case: acks=all, idempotent, 6 partitions`, rows }
}

async function sending(brokers: readonly string[], one: SendCase, seconds: number) {
  const { records = 500, inFlight = 8 } = one
  return withTransport(optionsOn(brokers, one.changes), {}, async (transport) => {
    const { value: producer } = await transport.createProducer()
    await producer.send(events.slice(0, 100), never)
    const took: number[] = []
    const endMs = performance.now() + seconds * 1000
    let next = 0
    const sender = async () => {
      while (performance.now() < endMs) {
        const from = (next++ * records) % events.length
        const startedMs = performance.now()
        await producer.send(events.slice(from, from + records), never)
        took.push(performance.now() - startedMs)
      }
    }
    const cost = await costing(async () => void (await Promise.all(Array.from({ length: inFlight }, sender))))
    const sent = took.length * records
    took.sort((a, b) => a - b)
    return {
      setting: one.name,
      'records/s': Math.round(sent / cost.seconds),
      'a CPU-second': Math.round(sent / cost.cpuSeconds),
      'p50 ms': quantile(took, 0.5),
      'p99 ms': quantile(took, 0.99),
    }
  })
}
