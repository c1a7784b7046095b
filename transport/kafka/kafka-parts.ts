import type { TopicName } from '../../event/topics.ts'
import type { Logger } from '../../runtime/log.ts'
import type { KafkaClient, KafkaConfig } from './client.ts'
import type { FetchLimits } from './fetch-request.ts'
import type { OutageLog } from './outage.ts'

export type KafkaOptions = KafkaConfig & { readonly topics: Readonly<Record<TopicName, string>> }

/** What producers and consumers are made of. */
export interface KafkaParts {
  readonly options: KafkaOptions
  readonly log: Logger
  readonly outages: OutageLog
  readonly fetchLimits: FetchLimits
  /** Connections of their own, closed by who asked for them. */
  readonly connect: () => KafkaClient
  /** A consumer had to begin reading anew. */
  readonly onStuck: () => void
}
