import { decodeEvent } from '../event/encode.ts'
import type { ThumpEvent } from '../event/event.ts'
import type { TopicName } from '../event/topics.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { Consumer, Transport } from '../transport/transport.ts'

export interface FollowRequest {
  readonly transport: Transport
  readonly topics: readonly TopicName[]
  /** The consumer group's last part; one of its own for each onlooker. */
  readonly role: string
  readonly onEvent: (event: ThumpEvent) => void
}

/** Looks on at what arrives from now on, without a place of its own to go on from. What cannot be read is passed over. */
export function followEvents({ transport, topics, role, onEvent }: FollowRequest): Promise<Started<Consumer>> {
  return transport.createConsumer(
    { role, topics, startAt: 'latest' },
    {
      records: ({ records }) => {
        for (const { value } of records) {
          const decoded = decodeEvent(value)
          if (decoded.kind === 'event') onEvent(decoded.event)
        }
        return Promise.resolve()
      },
    },
  )
}
