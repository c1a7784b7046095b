import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Pipeline } from '../../../forwarder/pipeline.ts'
import { createTelemetry } from '../../../forwarder/telemetry.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
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

test('a proxy that resets large requests in silence is given smaller ones, until each event is stored once', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store } = await ready(prefix, { nodes: [await startGuard(20_000)] })
  const metrics = createMetrics()
  const stopping = new AbortController()
  const pipeline = new Pipeline({
    store,
    producer: { send: async () => ({ rejected: [] }) },
    telemetry: createTelemetry({ log: silentLogger, metrics }),
    writers: 4,
    maxQueuedBytes: 1_000_000,
  })
  const running = pipeline.run(stopping.signal)
  const day = Date.parse('2026-11-22T12:00:00Z')
  const records = Array.from({ length: 1500 }, (_, offset) => {
    const { value, id } = itemOf(`id-${offset}`, day)
    return { offset, timestampMs: day, key: 'k', value: Buffer.from(value), headers: { id } }
  })
  await pipeline.take({ topic: 'APP', partition: 0, records, highWatermark: 1500 }, never)
  await eventually(() => pipeline.unsettled === 0, { withinMs: 60_000 })
  stopping.abort()
  await running
  expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 1500 }])
  await client.indices.refresh({ index: `${prefix}-*` })
  expect((await client.count({ index: `${prefix}-*` })).count).toBe(1500)
  const text = await metrics.registry.metrics()
  expect(text).toMatch(/^thump_stored_total\{outcome="stored"\} 1500$/m)
  expect(text).toMatch(/^thump_store_unavailable_total [1-9]/m)
})
