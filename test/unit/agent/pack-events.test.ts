import { expect, test } from 'vitest'
import { createEmitter } from '../../../agent/emitter.ts'
import { packEvents } from '../../../agent/pack/pack-events.ts'
import { RecordPacker } from '../../../agent/pack/record-packer.ts'
import { encodeEvent, type Emitted } from '../../../event/encode.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { unpack } from '../../../transport/packed-records.ts'
import type { PackedRecords, SendResult } from '../../../transport/transport.ts'

const signal = new AbortController().signal

function emitted(n: number, message = `line ${n}`, key = 'rabbit@mq1/firehose'): Emitted {
  return {
    topic: 'AMQP',
    key,
    event: {
      '@timestamp': new Date(Date.UTC(2026, 10, 27) + Math.floor(n / 3)).toISOString(),
      event: { id: `a-${n}`, dataset: 'rabbitmq.trace' },
      message,
      service: { type: 'rabbitmq' },
      agent: { id: 'a1', version: '1' },
    },
  }
}

const records = (packs: readonly PackedRecords[]) =>
  packs.flatMap(unpack).map((record) => ({ ...record, value: Buffer.from(record.value).toString() }))

test('packed events are, record for record, what they are when encoded one by one', () => {
  const texts = ['plain', '비밀번호 \u{1f407}', 'a "quote" \\ and a\nline', '\ud800 alone', 'x'.repeat(300_000), '']
  const batch = Array.from({ length: 24 }, (_, n) => emitted(n, texts[n % texts.length], n < 9 ? 'one' : 'other'))
  const found = packEvents(batch, new RecordPacker())
  const expected = batch.map(encodeEvent).map((one) => ({ ...one, value: Buffer.from(one.value).toString() }))
  expect(records(found?.packs ?? [])).toEqual(expected)
})

test('a batch with an event too large to be packed goes record by record', async () => {
  const sent: string[] = []
  const send = async (batch: readonly unknown[]): Promise<SendResult> => {
    sent.push(`${batch.length} records`)
    return { rejected: [] }
  }
  const sendPacked = async (packs: readonly PackedRecords[]): Promise<SendResult> => {
    sent.push(`${records(packs).length} packed`)
    return { rejected: [] }
  }
  const emit = createEmitter({ producer: { send, sendPacked }, log: silentLogger, metrics: createMetrics() })
  await emit.events([emitted(0), emitted(1)], signal)
  await emit.events([emitted(2), emitted(3, 'x'.repeat(1_000_001))], signal)
  await emit.events([], signal)
  expect(sent).toEqual(['2 packed', '2 records'])
})

test('what is under way stays as it is while more is packed', async () => {
  const waiting: Array<{ packs: readonly PackedRecords[]; resolve: (result: SendResult) => void }> = []
  const sendPacked = (packs: readonly PackedRecords[]) =>
    new Promise<SendResult>((resolve) => void waiting.push({ packs, resolve }))
  const send = () => Promise.resolve({ rejected: [] })
  const emit = createEmitter({ producer: { send, sendPacked }, log: silentLogger, metrics: createMetrics() })
  const calls = Array.from({ length: 30 }, (_, n) => emit.events([emitted(n, `${n} `.repeat(40_000))], signal))
  const messages = waiting.map(({ packs }) => JSON.parse(records(packs)[0]?.value ?? '{}').message.slice(0, 3))
  expect(messages).toEqual(Array.from({ length: 30 }, (_, n) => `${n} ${n}`.slice(0, 3)))
  for (const { resolve } of waiting) resolve({ rejected: [] })
  await Promise.all(calls)
})

test('a refused event is counted, and the rest are delivered', async () => {
  const metrics = createMetrics()
  const rejected = [{ index: 1, reason: 'too-large' as const, error: 'beyond the limit' }]
  const producer = { send: async () => ({ rejected: [] }), sendPacked: async () => ({ rejected }) }
  await createEmitter({ producer, log: silentLogger, metrics }).events([emitted(0), emitted(1), emitted(2)], signal)
  const text = await metrics.registry.metrics()
  expect(text).toContain('thump_events_delivered_total{topic="AMQP"} 2')
  expect(text).toContain('thump_events_dropped_total{source="transport",reason="too-large"} 1')
})
