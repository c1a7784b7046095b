import { connect } from 'amqplib'
import { queueKey, readManagement, readPrometheus } from '../../agent/sources/resources/queue-readings.ts'
import type { Broker } from '../../demo/broker/start-broker.ts'
import { Secret } from '../../runtime/config/secret.ts'
import { type RabbitmqVersion, startRabbitmq } from '../servers/rabbitmq.ts'
import type { Bench, BenchTable } from './bench.ts'
import { cpuMs } from './process-use.ts'

const queues = 5000
const readings = 10

/** What reading 5,000 queues costs the broker, by each way there is: `npm run bench -- resources [3.10|4.0]`. */
const bench: Bench = async ([version = '4.0']) => {
  const { value: broker, stop } = await startRabbitmq(version as RabbitmqVersion)
  try {
    await declareQueues(broker)
    const signal = AbortSignal.timeout(300_000)
    const account = { url: broker.managementUrl, username: 'guest', password: new Secret('guest') }
    const rows = [
      await measure(broker, 'Prometheus, depth and consumers (each interval)', () =>
        readPrometheus(broker.prometheusUrl, false, signal),
      ),
      await measure(broker, 'Prometheus, with memory (every five minutes)', () =>
        readPrometheus(broker.prometheusUrl, true, signal),
      ),
      await measure(broker, 'management API without statistics (no Prometheus)', () => readManagement(account, signal)),
      await measure(broker, '/api/queues as a dashboard asks it', async () => {
        const rows = (await broker.api('GET', '/api/queues')) as { vhost: string; name: string }[]
        return new Map(rows.map(({ vhost, name }) => [queueKey(vhost, name), name]))
      }),
    ]
    const table: BenchTable = { title: `resources: ${queues} queues on RabbitMQ ${version}`, rows }
    return table
  } finally {
    await stop()
  }
}
export default bench

async function declareQueues(broker: Broker): Promise<void> {
  const connection = await connect(broker.amqpUrl)
  const channel = await connection.createChannel()
  for (let from = 0; from < queues; from += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        channel.assertQueue(`bench-${from + n}`, { durable: false, exclusive: false }),
      ),
    )
  await connection.close()
}

async function measure(broker: Broker, what: string, read: () => Promise<ReadonlyMap<string, unknown>>) {
  const found = (await read()).size
  if (found < queues) throw new Error(`${what}: only ${found} queues`)
  const [cpuBefore, startedMs] = [cpuMs([broker.pid()]), performance.now()]
  for (let n = 0; n < readings; n++) await read()
  const tookMs = performance.now() - startedMs
  const usedMs = cpuMs([broker.pid()]) - cpuBefore
  return {
    'read by': what,
    'ms a reading': Math.round(tookMs / readings),
    'broker CPU ms a reading': Math.round(usedMs / readings),
    'of one core at 15 s, %': Math.round((usedMs / readings / 15_000) * 1000) / 10,
  }
}
