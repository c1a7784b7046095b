import { uniqueEventId } from '../event/ids.ts'
import { encodeEvent } from '../event/encode.ts'
import { version } from '../runtime/version.ts'
import type { Gap, OutRecord } from '../transport/transport.ts'

/** What the log no longer held when it was read, as an event of THUMP: which records, and why. */
export function gapEvent({ topic, partition, from, to, reason }: Gap, nowMs: number): OutRecord {
  const what = to > from ? `records ${from} to ${to - 1}` : `the records before ${from}`
  return encodeEvent({
    topic: 'THUMP',
    key: 'forwarder/gaps',
    event: {
      '@timestamp': new Date(nowMs).toISOString(),
      event: { id: uniqueEventId(), dataset: 'thump.agent', action: 'topic.gap', outcome: 'failure' },
      message: `${what} of ${topic}/${partition} were gone before they were stored: ${reason}`,
      service: { type: 'rabbitmq' },
      agent: { id: 'forwarder', version },
      app: { topic, partition, from, to, reason },
    },
  })
}
