import type { Broker } from '../../demo/broker/start-broker.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import { startElasticsearch } from './elasticsearch.ts'
import { startKafka } from './kafka.ts'
import { startRabbitmq } from './rabbitmq.ts'
import type { SharedRabbit, SharedServers } from './shared.ts'

/** All four servers at once; stopped in reverse. */
export async function startShared(): Promise<Started<SharedServers>> {
  const shutdown = new Shutdown()
  const stop = () => shutdown.run(AbortSignal.timeout(60_000))
  const own = async <T>(name: string, started: Promise<Started<T>>) => shutdown.own(name, await started)
  const outcomes = await Promise.allSettled([
    own('rabbit310', startRabbitmq('3.10')),
    own('rabbit40', startRabbitmq('4.0')),
    own('kafka', startKafka()),
    own('elasticsearch', startElasticsearch()),
  ])
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  const [rabbit310, rabbit40, kafka, elasticsearch] = outcomes
  if (
    failed ||
    rabbit310.status !== 'fulfilled' ||
    rabbit40.status !== 'fulfilled' ||
    kafka.status !== 'fulfilled' ||
    elasticsearch.status !== 'fulfilled'
  ) {
    await stop()
    throw failed?.reason instanceof Error ? failed.reason : new Error('a test server did not start')
  }
  const value: SharedServers = {
    rabbit310: rabbit(rabbit310.value),
    rabbit40: rabbit(rabbit40.value),
    kafka: { brokers: kafka.value.brokers },
    elasticsearch: { url: elasticsearch.value.url },
  }
  return { value, stop }
}

function rabbit({ amqpUrl, managementUrl, prometheusUrl, nodeName, logDir, logFile }: Broker): SharedRabbit {
  return { amqpUrl, managementUrl, prometheusUrl, nodeName, logDir, logFile }
}
