import { expect, onTestFinished, test } from 'vitest'
import { startForwarder } from '../../../forwarder/forwarder.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { EventStore, Storage } from '../../../storage/storage.ts'
import type { ConsumerHandlers, Transport } from '../../../transport/transport.ts'

/** One record taken in, behind others; what the storage says to it is the test's. */
async function begin(write: EventStore['write'], isConnected = true) {
  const clock = { ms: 0 }
  const health = createHealth()
  const given = Promise.withResolvers<ConsumerHandlers>()
  const transport = {
    kind: 'kafka',
    createProducer: async () => ({ value: {}, stop: async () => {} }),
    createConsumer: async (_: unknown, handlers: ConsumerHandlers) => {
      given.resolve(handlers)
      const lag = () => [{ topic: 'APP', partition: 0, records: 10 }]
      return {
        value: { isConnected: () => true, problem: () => undefined, lag, commit: async () => {} },
        stop: async () => {},
      }
    },
  } as unknown as Transport
  const problem = () => (isConnected ? undefined : 'it does not answer')
  const store = { write, setup: async () => {}, isConnected: () => isConnected, problem }
  const storage = { kind: 'elasticsearch', store } as unknown as Storage
  const deps = { transport, storage, health, log: silentLogger, metrics: createMetrics(), now: () => clock.ms }
  const { stop } = await startForwarder(deps)
  onTestFinished(async () => void stop())
  const handlers = await given.promise
  const event = { '@timestamp': '2026-11-24T00:00:00.000Z', event: { id: 'e', dataset: 'rabbitmq.log' } }
  const record = { timestampMs: 0, key: 'k', value: Buffer.from(JSON.stringify(event)), headers: { id: 'e' } }
  // Enough that some of it waits behind what the writers have.
  for (let offset = 0; offset < 40_000; offset += 4000) {
    const records = Array.from({ length: 4000 }, (_, index) => ({ ...record, offset: offset + index }))
    void handlers.records({ topic: 'APP', partition: 0, records, highWatermark: 40_000 })
  }
  await new Promise((resolve) => void setImmediate(resolve))
  return { clock, stop, report: (kind: 'live' | 'ready') => health.report(kind).checks }
}

test('a write that never ends makes the forwarder not ready after a minute, and one to be restarted after five', async () => {
  const { clock, report } = await begin(() => new Promise(() => {}))
  expect([report('ready')['forwarder-lag']?.ok, report('live')['forwarder-writers']?.ok]).toEqual([true, true])
  clock.ms = 61_000
  expect([report('ready')['forwarder-lag']?.ok, report('live')['forwarder-writers']?.ok]).toEqual([false, true])
  clock.ms = 301_000
  expect([report('ready')['forwarder-lag']?.ok, report('live')['forwarder-writers']?.ok]).toEqual([false, false])
})

test('a forwarder whose storage is away stops at once: what it holds is read again', async () => {
  const untilStopped: EventStore['write'] = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  const { stop } = await begin(untilStopped, false)
  await stop()
}, 5000)
