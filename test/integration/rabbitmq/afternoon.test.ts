import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { spend } from '../../recordings/afternoon.ts'
import { tableOf } from '../../recordings/table.ts'
import { watch } from '../../recordings/watched.ts'
import { startRabbitmq } from '../../servers/rabbitmq.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'

const shutdown = new Shutdown()
afterAll(() => shutdown.run(AbortSignal.timeout(60_000)))

// Private brokers: the two share nothing, and run side by side.
test.concurrent.each(['3.10', '4.0'] as const)(
  'an afternoon on RabbitMQ %s is told line by line',
  async (version) => {
    const broker = shutdown.own('broker', await startRabbitmq(version))
    const watched = shutdown.own('agent', await watch(broker, { firehose: { enabled: true } }))
    await broker.ctl('trace_on')
    await spend(broker, watched)
    const file = join(import.meta.dirname, `../../fixtures/recordings/${version}.operations.txt`)
    expect(tableOf(watched.events)).toBe(readFileSync(file, 'utf8'))
  },
  300_000,
)
