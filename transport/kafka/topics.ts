import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { KafkaClient, KafkaConfig } from './client.ts'
import { errorName } from './kafkajs.ts'
import type { Metadata } from './metadata.ts'

export interface TopicsDeps {
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly createTopics: KafkaConfig['createTopics']
  readonly log: Logger
}

interface CreateAnswer {
  readonly topicErrors: ReadonlyArray<{ topic: string; errorCode: number; errorMessage: string | null }>
}

/** The refusals that trying again does not change. */
const final = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'POLICY_VIOLATION',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
])

/** Creates those of the topics that are missing. Throws RejectedError where Kafka will not have them, UnavailableError where it may later. */
export async function createMissing({ client, metadata, createTopics, log }: TopicsDeps, names: readonly string[]) {
  metadata.want(names)
  await metadata.refresh()
  const missing = names.filter((name) => metadata.topic(name)?.error === 'UNKNOWN_TOPIC_OR_PARTITION')
  if (missing.length === 0 || createTopics === false) return
  const { partitions, replicationFactor, retention } = createTopics
  const topics = missing.map((topic) => ({
    topic,
    numPartitions: partitions,
    replicationFactor,
    configEntries: [{ name: 'retention.ms', value: String(retention) }],
  }))
  const answer = await client.ask<CreateAnswer>(metadata.controllerId, 'CreateTopics', { topics, timeout: 10_000 })
  for (const { topic, errorCode, errorMessage } of answer.topicErrors) {
    const error = errorName(errorCode)
    if (errorCode === 0) log.info({ topic, partitions, replicationFactor, retention }, 'topic created')
    else if (final.has(error))
      throw new RejectedError(error, `topic ${topic} cannot be created: ${errorMessage ?? error}`)
    else if (error !== 'TOPIC_ALREADY_EXISTS')
      throw new UnavailableError('kafka', new Error(`topic ${topic} is not created yet: ${errorMessage ?? error}`))
  }
  await metadata.refresh()
}
