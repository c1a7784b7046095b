import { setTimeout as sleep } from 'node:timers/promises'
import { startAlerting } from '../../../alerting/app.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { openTransport } from '../../../transport/open-transport.ts'
import type { ConsumerHandlers, Transport } from '../../../transport/transport.ts'

/** An alerter that is made to be killed: it reads in small steps, so that a kill may fall between any two of them. */
const [dataDir = '', rules = '', url = ''] = process.argv.slice(2)
const recordsAStep = 7

function slowed(handlers: ConsumerHandlers): ConsumerHandlers {
  return {
    ...handlers,
    async records(batch) {
      for (let from = 0; from < batch.records.length; from += recordsAStep) {
        await handlers.records({ ...batch, records: batch.records.slice(from, from + recordsAStep) })
        await sleep(1)
      }
    },
  }
}

const config = configSchema.parse({
  cluster: 'demo',
  dataDir,
  transport: { embedded: { partitions: 1 } },
  alerting: {
    rules: [rules],
    listen: '127.0.0.1:0',
    channels: { hook: { type: 'webhook', url, rate: '100000/s', cap: { perHour: 1_000_000 } } },
  },
})
const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
const { value: transport } = await openTransport(config, deps)
const slow: Transport = {
  ...transport,
  createProducer: () => transport.createProducer(),
  createConsumer: (options, handlers) => transport.createConsumer(options, slowed(handlers)),
}
await startAlerting({ ...deps, config, transport: slow, search: {} as EventSearch, health: createHealth() })
process.stdout.write('ready\n')
