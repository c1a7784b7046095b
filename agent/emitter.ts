import { encodeEvent, type Emitted } from '../event/encode.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { OutRecord, Producer } from '../transport/transport.ts'
import type { Emit } from './source.ts'

/** Hands events to the transport and counts what became of them. What the transport refuses for good is a counted, named drop. */
export function createEmitter({ producer, log, metrics }: { producer: Producer; log: Logger; metrics: Metrics }): Emit {
  const delivered = metrics.counter('thump_events_delivered_total', 'Events the transport has acknowledged', ['topic'])
  const dropped = metrics.counter('thump_events_dropped_total', 'Events dropped by policy, by reason', [
    'source',
    'reason',
  ])
  const records = async (batch: readonly OutRecord[], signal: AbortSignal): Promise<void> => {
    if (batch.length === 0) return
    const { rejected } = await producer.send(batch, signal)
    for (const { index, reason, error } of rejected) {
      dropped.inc({ source: 'transport', reason })
      log.warn(
        { key: batch[index]?.key, id: batch[index]?.headers['id'], reason, error },
        'event refused by the transport',
      )
    }
    const byTopic = new Map<string, number>()
    for (const { topic } of batch) byTopic.set(topic, (byTopic.get(topic) ?? 0) + 1)
    for (const { index } of rejected) {
      const topic = batch[index]?.topic
      if (topic !== undefined) byTopic.set(topic, (byTopic.get(topic) ?? 1) - 1)
    }
    for (const [topic, count] of byTopic) delivered.inc({ topic }, count)
  }
  return { records, events: (events: readonly Emitted[], signal) => records(events.map(encodeEvent), signal) }
}
