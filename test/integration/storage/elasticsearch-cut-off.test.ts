import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Pipeline } from '../../../forwarder/pipeline.ts'
import { createTelemetry } from '../../../forwarder/telemetry.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { OutRecord, RecordBatch } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { startTcpProxy } from '../../servers/tcp-proxy.ts'
import { itemOf } from './conformance.ts'
import { beside, freshPrefix, never, ready } from './elasticsearch-harness.ts'

/** What guards many an installation: a request whose body is larger than `maxBytes` is reset without a word. */
async function startGuard(maxBytes: number): Promise<string> {
  const { port, hostname } = new URL(shared().elasticsearch.url)
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    client.on('data', (chunk) => {
      const length = /\r\ncontent-length: (\d+)/i.exec(chunk.toString('latin1'))?.[1]
      if (Number(length ?? 0) > maxBytes) client.resetAndDestroy()
      else upstream.write(chunk)
    })
    upstream.pipe(client)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A forwarder's pipeline into a store, and what it buries. */
async function startPipeline(nodes: readonly string[]) {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store } = await ready(prefix, { nodes: [...nodes] })
  const metrics = createMetrics()
  const stopping = new AbortController()
  const buried: OutRecord[] = []
  const pipeline = new Pipeline({
    store,
    producer: { send: async (records) => (buried.push(...records), { rejected: [] }) },
    telemetry: createTelemetry({ log: silentLogger, metrics }),
    writers: 4,
    maxQueuedBytes: 1_000_000,
  })
  const running = pipeline.run(stopping.signal)
  const stop = async () => {
    stopping.abort()
    await running
  }
  onTestFinished(stop)
  const stored = async () => {
    await client.indices.refresh({ index: `${prefix}-*` })
    return (await client.count({ index: `${prefix}-*` })).count
  }
  return { pipeline, buried, stored, stop, metrics: () => metrics.registry.metrics() }
}

const day = Date.parse('2026-11-22T12:00:00Z')

function batchOf(count: number, partition = 0): RecordBatch {
  const records = Array.from({ length: count }, (_, offset) => {
    const { value, id } = itemOf(`id-${partition}-${offset}.`, day)
    return { offset, timestampMs: day, key: 'k', value: Buffer.from(value), headers: { id } }
  })
  return { topic: 'APP', partition, records, highWatermark: count }
}

test('a proxy that resets large requests in silence is given smaller ones, until each event is stored once', async () => {
  const { pipeline, stored, stop, metrics } = await startPipeline([await startGuard(20_000)])
  await pipeline.take(batchOf(1500), never)
  await eventually(() => pipeline.unsettled === 0, { withinMs: 60_000 })
  await stop()
  expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 1500 }])
  expect(await stored()).toBe(1500)
  const text = await metrics()
  expect(text).toMatch(/^thump_stored_total\{outcome="stored"\} 1500$/m)
  expect(text).toMatch(/^thump_store_unavailable_total [1-9]/m)
})

test('an event at which a proxy resets each connection lets the others go first, and is buried once; its partition goes on', async () => {
  const proxy = await startTcpProxy({ port: Number(new URL(shared().elasticsearch.url).port) })
  onTestFinished(proxy.stop)
  const { pipeline, buried, stored, metrics } = await startPipeline([`http://${proxy.value.address}`])
  proxy.value.resetOn('id-0-7.')
  // The minute for which it is borne.
  const realMs = performance.now.bind(performance)
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => realMs() * 20)
  onTestFinished(() => clock.mockRestore())
  await pipeline.take(batchOf(40), never)
  await pipeline.take(batchOf(40, 1), never)
  await eventually(async () => (await stored()) === 79, { withinMs: 60_000 })
  await eventually(() => pipeline.unsettled === 0, { withinMs: 60_000 })
  expect(buried.map(({ headers }) => headers)).toMatchObject([
    { id: 'id-0-7.', reason: 'cut-off', partition: '0', offset: '7', error: expect.stringMatching(cutOff) as string },
  ])
  expect(pipeline.due()).toEqual([
    { topic: 'APP', partition: 0, offset: 40 },
    { topic: 'APP', partition: 1, offset: 40 },
  ])
  expect(await stored()).toBe(79)
  expect(await metrics()).toMatch(/^thump_dead_letters_total\{reason="cut-off"\} 1$/m)
})

/** As the client tells of it, by what it was about to do. */
const cutOff = /ECONNRESET|EPIPE|other side closed|socket hang up/
