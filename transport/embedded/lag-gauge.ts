import type { TopicName } from '../../event/topics.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Consumer } from '../transport.ts'

/** Several consumers share one gauge: the lag of the one furthest behind is shown. */
export function showLag(metrics: Metrics, consumers: () => readonly Consumer[]): void {
  metrics.gauge('thump_consumer_lag', 'Records of a partition not handled yet', ['topic', 'partition'], (gauge) => {
    gauge.reset()
    const worst = new Map<string, { topic: TopicName; partition: number; records: number }>()
    for (const lag of consumers().flatMap((consumer) => consumer.lag())) {
      const key = `${lag.topic} ${lag.partition}`
      if (lag.records >= (worst.get(key)?.records ?? 0)) worst.set(key, lag)
    }
    for (const { topic, partition, records } of worst.values()) gauge.set({ topic, partition }, records)
  })
}
