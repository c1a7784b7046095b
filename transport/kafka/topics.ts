import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import { durationText } from '../../runtime/config/units.ts'
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
    if (errorCode === 0)
      log.info({ topic, partitions, replicationFactor, retention: retentionText(retention) }, 'topic created')
    else if (final.has(error))
      throw new RejectedError(error, `topic ${topic} cannot be created: ${errorMessage ?? error}`)
    else if (error !== 'TOPIC_ALREADY_EXISTS')
      throw new UnavailableError('kafka', new Error(`topic ${topic} is not created yet: ${errorMessage ?? error}`))
  }
  await metadata.refresh()
}

interface ConfigAnswer {
  readonly resources: ReadonlyArray<{
    readonly resourceName: string
    readonly configEntries: ReadonlyArray<{ readonly configName: string; readonly configValue: string }>
  }>
}

const topicResource = 2

/** Where a topic that exists is not as it is configured; `retention` in ms, -1 for ever. */
export interface TopicDifference {
  readonly topic: string
  readonly setting: 'partitions' | 'replicationFactor' | 'retention'
  readonly is: number
  readonly configured: number
}

/** Compares the topics that exist with the configuration, after their metadata was asked for. Throws UnavailableError. */
export async function topicDifferences(
  { client, metadata, createTopics }: TopicsDeps,
  names: readonly string[],
): Promise<TopicDifference[]> {
  if (createTopics === false) return []
  const resources = names.map((name) => ({ type: topicResource, name, configNames: ['retention.ms'] }))
  const answer = await client.ask<ConfigAnswer>(undefined, 'DescribeConfigs', { resources })
  return names.flatMap((topic) => {
    const view = metadata.topic(topic)
    if (!view || view.error !== undefined) return []
    const config = answer.resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? []
    const retention = config.find(({ configName }) => configName === 'retention.ms')?.configValue
    const { partitions, replicationFactor } = createTopics
    const all: TopicDifference[] = [
      { topic, setting: 'partitions', is: view.leaders.length, configured: partitions },
      // -1: whatever the broker's own is.
      { topic, setting: 'replicationFactor', is: view.replicas, configured: replicationFactor },
      // Not every user may read it.
      {
        topic,
        setting: 'retention',
        is: Number(retention ?? createTopics.retention),
        configured: createTopics.retention,
      },
    ]
    return all.filter(
      ({ setting, is, configured }) => is !== configured && (setting !== 'replicationFactor' || configured !== -1),
    )
  })
}

export const retentionText = (ms: number): string => (ms < 0 ? 'for ever' : durationText(ms))

/** `retention 1h instead of 7d` */
export function differenceText({ setting, is, configured }: TopicDifference): string {
  if (setting === 'retention') return `retention ${retentionText(is)} instead of ${retentionText(configured)}`
  if (setting === 'partitions') return `${is} partitions instead of ${configured}`
  return `replication ${is} instead of ${configured}`
}

/** Says where topics that exist are not as they are configured; changing them is their owner's to decide. */
export async function tellDifferences(deps: TopicsDeps, names: readonly string[]): Promise<void> {
  const byTopic = Map.groupBy(await topicDifferences(deps, names), ({ topic }) => topic)
  for (const [topic, differences] of byTopic)
    deps.log.warn({ topic, differs: differences.map(differenceText) }, 'a topic differs from the configuration')
}
