import { encodeEvent, type Emitted } from '../event/encode.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { unpack } from '../transport/packed-records.ts'
import type { OutRecord, PackedRecords, Producer, SendResult } from '../transport/transport.ts'
import { packEvents } from './pack/pack-events.ts'
import { RecordPacker } from './pack/record-packer.ts'
import type { Emit } from './source.ts'

/** Hands events to the transport and counts what became of them. What the transport refuses for good is a counted, named drop. */
export function createEmitter({ producer, log, metrics }: { producer: Producer; log: Logger; metrics: Metrics }): Emit {
  const delivered = metrics.counter('thump_events_delivered_total', 'Events the transport has acknowledged', ['topic'])
  const dropped = metrics.counter('thump_events_dropped_total', 'Events dropped by policy, by reason', [
    'source',
    'reason',
  ])
  const truncated = metrics.counter('thump_events_truncated_total', 'Events sent in fewer bytes, by reason', ['reason'])
  let isToldOfShort = false
  const settle = (sent: SendResult, byTopic: Map<string, number>, at: (index: number) => OutRecord | undefined) => {
    for (const { index, reason, error } of sent.rejected) {
      const record = at(index)
      dropped.inc({ source: 'transport', reason })
      log.warn({ key: record?.key, id: record?.headers['id'], reason, error }, 'event refused by the transport')
      if (record) byTopic.set(record.topic, (byTopic.get(record.topic) ?? 1) - 1)
    }
    if (sent.shortened !== undefined) {
      truncated.inc({ reason: 'too-large' }, sent.shortened)
      if (!isToldOfShort)
        log.warn('events too large for the broker are sent shortened, flagged truncated: only counted from now on')
      isToldOfShort = true
    }
    for (const [topic, count] of byTopic) delivered.inc({ topic }, count)
  }
  const records = async (batch: readonly OutRecord[], signal: AbortSignal): Promise<void> => {
    if (batch.length === 0) return
    const sent = await producer.send(batch, signal)
    const byTopic = new Map<string, number>()
    for (const { topic } of batch) byTopic.set(topic, (byTopic.get(topic) ?? 0) + 1)
    settle(sent, byTopic, (index) => batch[index])
  }
  const packed = async (packs: readonly PackedRecords[], signal: AbortSignal): Promise<void> => {
    const sent = (await producer.sendPacked?.(packs, signal)) ?? { rejected: [] }
    const byTopic = new Map<string, number>()
    for (const { topic, timesMs } of packs) byTopic.set(topic, (byTopic.get(topic) ?? 0) + timesMs.length)
    let single: readonly OutRecord[] | undefined
    settle(sent, byTopic, (index) => (single ??= packs.flatMap(unpack))[index])
  }
  const packer = producer.sendPacked && new RecordPacker()
  const events = async (batch: readonly Emitted[], signal: AbortSignal): Promise<void> => {
    const found = packer && batch.length > 0 ? packEvents(batch, packer) : undefined
    if (!found) return await records(batch.map(encodeEvent), signal)
    await packed(found.packs, signal)
    // Where it rejects, what was handed over may still be read.
    found.release()
  }
  return { records, ...(producer.sendPacked && { packed }), events }
}
