import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { PackedRecords } from '../../../transport/transport.ts'
import { ensureTool } from '../../servers/cache.ts'
import { eventually } from '../../servers/eventually.ts'
import { recordOf } from './conformance.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

/** Older ones would travel under the time of sending. */
const nowMs = Date.now()

/** `count` records in one piece, of about `bytes` each. */
function packOf(key: string, from: number, count: number, bytes: number, topic: 'APP' | 'AMQP' = 'APP'): PackedRecords {
  const bounds: number[] = []
  let text = ''
  for (let index = from; index < from + count; index++) {
    text += `${index}:${'x'.repeat(bytes)}`
    bounds.push(text.length)
    text += `id-${index}`
    bounds.push(text.length)
  }
  const timesMs = Float64Array.from({ length: count }, (_, index) => nowMs + index)
  return {
    topic,
    key,
    headers: { schema: '1' },
    bytes: Buffer.from(text),
    start: 0,
    bounds: Uint32Array.from(bounds),
    timesMs,
  }
}

test.each(['none', 'zstd'] as const)(
  'packed records are read by kcat as any others, sent with %s',
  async (compression) => {
    const kcat = await ensureTool('kcat')
    const options = kafkaOptions({ compression })
    const { transport } = await openKafka(options)
    const { value: producer } = await transport.createProducer()
    expect(await producer.sendPacked?.([packOf('n/a.log', 0, 2, 3)], never)).toEqual({ rejected: [] })
    const broker = ['-b', options.brokers.join(','), '-t', options.topics.APP]
    const seen = execFileSync(kcat, ['-C', '-q', '-e', '-f', '%k|%h|%T|%s\n', ...broker], { encoding: 'utf8' })
    expect(seen).toBe(`n/a.log|schema=1,id=id-0|${nowMs}|0:xxx\nn/a.log|schema=1,id=id-1|${nowMs + 1}|1:xxx\n`)
  },
)

test('packs larger than a batch, of several keys and between single records, keep the order of each key', async () => {
  const { transport } = await openKafka(kafkaOptions())
  const { value: producer } = await transport.createProducer()
  const packs = [packOf('a', 0, 3000, 900), packOf('b', 0, 500, 10), packOf('a', 3000, 700, 900)]
  const sent = [
    producer.send([recordOf('a', 'first:')], never),
    producer.sendPacked?.(packs, never) ?? Promise.reject(new Error('packs cannot be sent')),
    producer.send([recordOf('a', 'last:')], never),
  ]
  for (const result of await Promise.all(sent)) expect(result).toEqual({ rejected: [] })
  const { records } = await readAll(transport)
  await eventually(() => expect(records).toHaveLength(4202))
  const of = (key: string) =>
    records.filter((one) => one.key === key).map(({ value }) => value.toString().split(':')[0])
  expect(of('a')).toEqual(['first', ...Array.from({ length: 3700 }, (_, index) => String(index)), 'last'])
  expect(of('b')).toEqual(Array.from({ length: 500 }, (_, index) => String(index)))
})

test('of packed records those that a topic will not have are named by their place', async () => {
  const options = kafkaOptions()
  const { transport } = await openKafka({ ...options, topics: { ...options.topics, AMQP: 'no such topic' } })
  const { value: producer } = await transport.createProducer()
  const result = await producer.sendPacked?.([packOf('a', 0, 2, 1), packOf('a', 2, 2, 1, 'AMQP')], never)
  expect(result?.rejected.map(({ index, reason }) => [index, reason])).toEqual([
    [2, 'unknown-topic'],
    [3, 'unknown-topic'],
  ])
})
