import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createKafkaTransport, type KafkaOptions } from '../../../transport/kafka/kafka-transport.ts'
import { shared } from '../../servers/shared.ts'
import { describeTransport } from './conformance.ts'

function kafkaOptions(changes: Partial<KafkaOptions> = {}): KafkaOptions {
  const id = randomUUID()
  const named = (topic: string) => `${topic}-${id}`
  return {
    brokers: [...shared().kafka.brokers],
    clientId: 'thump-test',
    group: `thump-${id}`,
    compression: 'zstd',
    createTopics: { partitions: 2, replicationFactor: -1, retention: 604_800_000 },
    linger: 5,
    maxBatchBytes: 1_000_000,
    topics: {
      APP: named('APP'),
      AMQP: named('AMQP'),
      METRIC: named('METRIC'),
      THUMP: named('THUMP'),
      DEADLETTER: named('DEADLETTER'),
    },
    ...changes,
  }
}

const openKafka = (options: KafkaOptions) =>
  createKafkaTransport(options, { log: silentLogger, metrics: createMetrics(), now: systemClock })

describeTransport('kafka', async () => {
  const options = kafkaOptions()
  let started = await openKafka(options)
  return {
    transport: started.value,
    async reopen() {
      await started.stop()
      started = await openKafka(options)
      return started.value
    },
    close: () => started.stop(),
  }
})
