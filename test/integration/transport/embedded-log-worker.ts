import { writeSync } from 'node:fs'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createLogger } from '../../../runtime/log.ts'
import { createEmbeddedTransport } from '../../../transport/embedded/embedded-transport.ts'

/** A process to be killed: sends numbered records of three keys and says `ack N` when they are durable; reads and commits beside. */
const [dir = '', from = '0'] = process.argv.slice(2)
const topics = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const
const say = (line: string) => writeSync(1, `${line}\n`)
const log = createLogger({ level: 'warn', format: 'json', colour: false, destination: { write: say } })
const { value } = await createEmbeddedTransport(
  { dir, topics, partitions: 1, retentionMs: 86_400_000, maxBytes: 2 ** 30, mode: 'write', segmentBytes: 4000 },
  { log, metrics: createMetrics(), now: Date.now },
)
const consumer = await value.createConsumer(
  { role: 'beside', topics: ['APP'], startAt: 'beginning' },
  {
    records: ({ topic, partition, records }) =>
      consumer.value.commit([{ topic, partition, offset: (records.at(-1)?.offset ?? 0) + 1 }]),
  },
)
const producer = await value.createProducer()
for (let next = Number(from); ; ) {
  const batch = Array.from({ length: 1 + (next % 3) }, () => {
    const number = String(next++)
    return {
      topic: 'APP' as const,
      key: `key ${Number(number) % 3}`,
      value: Buffer.from(number.padEnd(90)),
      headers: {},
      timestampMs: 0,
    }
  })
  await producer.value.send(batch, AbortSignal.timeout(60_000))
  say(`ack ${next}`)
}
