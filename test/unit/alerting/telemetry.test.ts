import { expect, test } from 'vitest'
import { createTelemetry } from '../../../alerting/telemetry.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

test('a topic that was made anew is told without a number of records, for it goes back', async () => {
  const metrics = createMetrics()
  const telemetry = createTelemetry({ log: silentLogger, metrics })
  telemetry.gap({ topic: 'APP', partition: 0, from: 3, to: 7, reason: 'retention' })
  telemetry.gap({ topic: 'APP', partition: 0, from: 10, to: 0, reason: 'truncated' })
  const text = await metrics.registry.metrics()
  expect(text).toMatch(/^thump_alerting_records_lost_total\{topic="APP",reason="retention"\} 4$/m)
  expect(text).toMatch(/^thump_alerting_records_lost_total\{topic="APP",reason="truncated"\} 0$/m)
})
