import { randomBytes } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { createEmitter } from '../../../agent/emitter.ts'
import { encodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { shortenEvent } from '../../../event/shorten-event.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

/** What the topic takes in one batch, compressed. */
const maxMessageBytes = 20_000

async function makeTopic(topic: string): Promise<void> {
  const admin = new Kafka({ brokers: [...shared().kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: String(maxMessageBytes) }]
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] })
  await admin.disconnect()
}

function eventOf(id: string, message: string): ThumpEvent {
  return {
    '@timestamp': new Date().toISOString(),
    event: { id, dataset: 'rabbitmq.log' },
    message,
    service: { type: 'rabbitmq' },
    agent: { id: 'agent', version: '0' },
  }
}

/** Two of them far beyond the limit, whatever compresses them, among others that are not. */
const events = Array.from({ length: 40 }, (_, index) =>
  eventOf(`id-${index}`, index % 30 === 7 ? randomBytes(60_000).toString('base64') : `event ${index}`),
)

test.each(['packed', 'one by one'] as const)(
  'events that the broker finds too large, handed over %s, are sent shortened, flagged and counted, all others whole, in order',
  async (way) => {
    const options = kafkaOptions()
    await makeTopic(options.topics.APP)
    const { transport, metrics } = await openKafka(options)
    const { value: producer } = await transport.createProducer({ shorten: shortenEvent })
    const emit = createEmitter({ producer, log: silentLogger, metrics })
    const emitted = events.map((event) => ({ topic: 'APP', key: 'k', event }) as const)
    await (way === 'packed' ? emit.events(emitted, never) : emit.records(emitted.map(encodeEvent), never))
    const { records, texts } = await readAll(transport)
    await eventually(() => records.length === events.length)
    for (const [index, text] of texts().entries()) {
      const [read, sent] = [JSON.parse(text) as ThumpEvent, events[index]]
      if (index % 30 !== 7) expect(read).toEqual(sent)
      else {
        expect(read).toEqual({ ...sent, message: read.message, log: { flags: ['truncated'] } })
        expect(read.message.length).toBeGreaterThan(maxMessageBytes / 4)
        expect(sent?.message.startsWith(read.message)).toBe(true)
      }
    }
    expect(records.map(({ headers }) => headers['id'])).toEqual(events.map(({ event }) => event.id))
    const text = await metrics.registry.metrics()
    expect(text).toMatch(/^thump_events_truncated_total\{reason="too-large"\} 2$/m)
    expect(text).toMatch(/^thump_events_delivered_total\{topic="APP"\} 40$/m)
    expect(text).not.toMatch(/^thump_events_dropped_total\{/m)
  },
)
