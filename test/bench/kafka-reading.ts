import { sleep } from '../../runtime/retry.ts'
import { KafkaClient } from '../../transport/kafka/client.ts'
import type { FetchLimits } from '../../transport/kafka/fetch-request.ts'
import type { KafkaOptions } from '../../transport/kafka/kafka-parts.ts'
import type { Transport } from '../../transport/transport.ts'
import { eventually } from '../servers/eventually.ts'
import type { BenchTable } from './bench.ts'
import { costing, events, never, optionsOn, quantile, withTransport } from './kafka-bench.ts'

const patiently = { withinMs: 60_000, everyMs: 5 }

interface ReadCase {
  readonly name: string
  readonly limits?: Partial<FetchLimits>
  readonly commitMs?: number
}

const trickleCases: readonly ReadCase[] = [
  { name: 'as by default: min 1 byte, wait 1 s' },
  { name: 'fetch.min.bytes 16 kB', limits: { minBytes: 2 ** 14 } },
  { name: 'fetch.min.bytes 1 MB', limits: { minBytes: 2 ** 20 } },
  { name: 'fetch.min.bytes 1 MB, max wait 100 ms', limits: { minBytes: 2 ** 20, maxWaitTime: 100 } },
  { name: 'max wait 100 ms', limits: { maxWaitTime: 100 } },
]

const backlogCases: readonly ReadCase[] = [
  { name: 'as by default: 256 KiB a partition, 2 MiB a fetch, commit each second' },
  { name: '64 KiB a partition', limits: { partitionBytes: 2 ** 16 } },
  { name: '1 MiB a partition, 8 MiB a fetch', limits: { partitionBytes: 2 ** 20, maxBytes: 2 ** 23 } },
  { name: 'commit each 50 ms', commitMs: 50 },
  { name: 'commit each 200 ms', commitMs: 200 },
  { name: 'commit each 5 s', commitMs: 5000 },
]

/** Events come one by one, as from a quiet broker: how long until the handler has them, and for how many fetches. */
export async function measureTrickle(brokers: readonly string[], seconds: number): Promise<BenchTable> {
  const rows: Array<Record<string, string | number>> = []
  for (const { name, limits = {} } of trickleCases) {
    const row = await withTransport(optionsOn(brokers, { linger: 0 }), limits, (transport) =>
      trickled(transport, seconds),
    )
    rows.push({ setting: name, ...row })
  }
  return { title: 'Reading 100 records/s, sent one by one: from the send to the handler', rows }
}

async function trickled(transport: Transport, seconds: number) {
  const sentMs = new Map<string, number>()
  const took: number[] = []
  const { value: producer } = await transport.createProducer()
  await producer.send(events.slice(0, 100), never)
  let read = 0
  await transport.createConsumer(
    { role: 'bench', topics: ['APP'], startAt: 'beginning' },
    {
      records: async ({ records }) => {
        for (const { headers } of records) {
          read++
          const atMs = sentMs.get(headers['mark'] ?? '')
          if (atMs !== undefined) took.push(performance.now() - atMs)
        }
      },
    },
  )
  await eventually(() => read >= 100, patiently)
  const fetches = counted()
  const cost = await costing(async () => {
    for (let number = 0; number < seconds * 100; number++) {
      const record = events[number % events.length]
      const mark = String(number)
      sentMs.set(mark, performance.now())
      if (record) void producer.send([{ ...record, headers: { ...record.headers, mark } }], never)
      await sleep(10)
    }
  })
  await eventually(() => took.length >= seconds * 100, patiently)
  took.sort((a, b) => a - b)
  return {
    'p50 ms': quantile(took, 0.5),
    'p99 ms': quantile(took, 0.99),
    'fetches/s': fetches.stop() / cost.seconds,
    'CPU %': (100 * cost.cpuSeconds) / cost.seconds,
  }
}

/** How often brokers are asked for records while it counts. */
function counted(): { stop(): number } {
  const { prototype } = KafkaClient
  const exchange = Reflect.get(prototype, 'exchange') as KafkaClient['exchange']
  let fetches = 0
  prototype.exchange = function (this: KafkaClient, node, make, limits) {
    if (limits?.isFetch === true) fetches++
    return exchange.call(this, node, make, limits)
  }
  return {
    stop: () => {
      prototype.exchange = exchange
      return fetches
    },
  }
}

/** A backlog is read as fast as it goes; what is not committed when a reader dies is read again. */
export async function measureBacklog(brokers: readonly string[], records: number): Promise<BenchTable> {
  const options = optionsOn(brokers)
  await withTransport(options, {}, async (transport) => {
    const { value: producer } = await transport.createProducer()
    for (let sent = 0; sent < records; sent += events.length) await producer.send(events, never)
  })
  const rows: Array<Record<string, string | number>> = []
  const [first] = backlogCases
  if (first) await readBacklog(options, first, records)
  for (const one of backlogCases) rows.push({ setting: one.name, ...(await readBacklog(options, one, records)) })
  return { title: `Reading a backlog of ${records.toLocaleString('en-US')} records`, rows }
}

async function readBacklog(options: KafkaOptions, { limits = {}, commitMs = 1000 }: ReadCase, total: number) {
  const own = { ...options, group: optionsOn(options.brokers).group }
  return withTransport(own, limits, async (transport) => {
    const next = new Map<number, number>()
    const repeated: number[] = []
    let [read, committed] = [0, 0]
    const { value: consumer } = await transport.createConsumer(
      { role: 'bench', topics: ['APP'], startAt: 'beginning' },
      {
        records: async ({ partition, records }) => {
          read += records.length
          next.set(partition, (records.at(-1)?.offset ?? 0) + 1)
        },
      },
    )
    await eventually(() => read > 0, patiently)
    const from = read
    const done = new AbortController()
    const committing = (async () => {
      while (!done.signal.aborted) {
        await sleep(commitMs, done.signal).catch(() => {})
        const upTo = read
        // A reader that dies now leaves this to be read again.
        repeated.push(upTo - committed)
        await consumer.commit([...next].map(([partition, offset]) => ({ topic: 'APP', partition, offset })))
        committed = upTo
      }
    })()
    const cost = await costing(() => eventually(() => read >= total, patiently).then(() => {}))
    done.abort()
    await committing
    return {
      'records/s': Math.round((total - from) / cost.seconds),
      'a CPU-second': Math.round((total - from) / cost.cpuSeconds),
      'read again after a kill, at most': Math.max(...repeated),
    }
  })
}
