import { expect, test } from 'vitest'
import { createResourcesSource } from '../../../agent/sources/resources/resources.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { collector, testIdentity } from './harness.ts'

test.each(['rabbit310', 'rabbit40'] as const)(
  'the resources of %s are read with their units, and its node is learned',
  async (name) => {
    const rabbit = shared()[name]
    const sink = collector()
    const identity = testIdentity()
    const source = createResourcesSource({
      resources: { url: rabbit.managementUrl, username: 'guest', password: new Secret('guest'), interval: 5000 },
      identity,
      emit: sink.emit,
      log: silentLogger,
      metrics: createMetrics(),
      now: Date.now,
    })
    const started = await source.start()
    try {
      const event = await eventually(() => sink.events()[0])
      const { mem_used_bytes: used, mem_limit_bytes: limit, mem_alarm: alarm } = event.rabbitmq?.node ?? {}
      expect(Number(used)).toBeGreaterThan(10_000_000)
      expect(Number(limit)).toBeGreaterThan(Number(used))
      expect(alarm).toBe(false)
      expect(identity.node()).toBe(rabbit.nodeName)
      expect(sink.emitted[0]?.topic).toBe('METRIC')
    } finally {
      await started.stop()
    }
  },
)
