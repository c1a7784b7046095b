import { startKafka } from '../servers/kafka.ts'
import type { BenchTable } from './bench.ts'
import { measureBacklog, measureTrickle } from './kafka-reading.ts'
import { measureSending } from './kafka-sending.ts'

/**
 * `npm run bench -- kafka-settings [seconds a case] [records of the backlog]`: what each setting of producer and consumer
 * does, against a Kafka of its own on this machine. Two minutes.
 */
export default async function kafkaSettings([seconds = '3', records = '1000000']: readonly string[]): Promise<
  BenchTable[]
> {
  const { value: kafka, stop } = await startKafka()
  try {
    return [
      await measureSending(kafka.brokers, Number(seconds)),
      await measureTrickle(kafka.brokers, Number(seconds)),
      await measureBacklog(kafka.brokers, Number(records)),
    ]
  } finally {
    await stop()
  }
}
