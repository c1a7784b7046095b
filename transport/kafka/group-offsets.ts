import { type TopicName, topicNames } from '../../event/topics.ts'
import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { TopicPartitionOffset } from '../transport.ts'
import { defaultTimes, KafkaClient } from './client.ts'
import { Group } from './group.ts'
import { errorName } from './kafkajs.ts'
import type { KafkaOptions } from './kafka-parts.ts'
import { Metadata } from './metadata.ts'
import { fetchCommitted, listOffsets, type WirePartition } from './offsets.ts'
import { Outage, OutageLog } from './outage.ts'
import { createMissing } from './topics.ts'

/** Places of consumer groups, looked at and set from outside of them. Every call throws UnavailableError while Kafka is away. */
export interface GroupOffsets {
  /** The next offset of every partition of the topics; makes topics that are missing, where that is allowed. */
  ends(topics: readonly TopicName[]): Promise<readonly TopicPartitionOffset[]>
  hasCommitted(role: string, topics: readonly TopicName[]): Promise<boolean>
  /** Throws RejectedError where members of the group are at work. */
  commit(role: string, offsets: readonly TopicPartitionOffset[]): Promise<void>
}

export function openGroupOffsets(options: KafkaOptions, log: Logger): Started<GroupOffsets> {
  const client = new KafkaClient(options, defaultTimes, log)
  const metadata = new Metadata(client)
  const wireNames = Object.values(options.topics)
  const partitionsOf = async (topics: readonly TopicName[]): Promise<WirePartition[]> => {
    await createMissing({ client, metadata, createTopics: options.createTopics, log }, wireNames)
    return topics.flatMap((topic) => {
      const wireTopic = options.topics[topic]
      const view = metadata.topic(wireTopic)
      if (!view || view.error !== undefined)
        throw new UnavailableError('kafka', new Error(`topic ${wireTopic}: ${view?.error ?? 'unknown'}`))
      return view.leaders.map((_, partition) => ({ topic, wireTopic, partition }))
    })
  }
  const groupIdOf = (role: string) => `${options.group}-${role}`
  const groupOf = (role: string) =>
    new Group({
      client,
      metadata,
      outage: new Outage(new OutageLog(log, Date.now)),
      groupId: groupIdOf(role),
      topics: wireNames,
      prepare: async () => {},
      given: async () => {},
      taken: async () => {},
    })
  const value: GroupOffsets = {
    async ends(topics) {
      const partitions = await partitionsOf(topics)
      const ends = await listOffsets(client, metadata, partitions, 'latest')
      return partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: ends.get(`${topic} ${partition}`) ?? 0,
      }))
    },
    async hasCommitted(role, topics) {
      const committed = await fetchCommitted(groupOf(role), groupIdOf(role), await partitionsOf(topics))
      return committed.size > 0
    },
    commit: (role, offsets) => commitAsStranger(groupOf(role), groupIdOf(role), options, offsets),
  }
  return { value, stop: async () => client.close() }
}

/** As no member: Kafka allows it for a group that has none. */
async function commitAsStranger(
  group: Group,
  groupId: string,
  { topics }: KafkaOptions,
  offsets: readonly TopicPartitionOffset[],
): Promise<void> {
  const known = offsets.filter(({ topic }) => topicNames.includes(topic))
  const answer = await group.ask<{
    responses: ReadonlyArray<{ partitions: ReadonlyArray<{ errorCode: number }> }>
  }>('OffsetCommit', {
    groupId,
    groupGenerationId: -1,
    memberId: '',
    topics: [...Map.groupBy(known, ({ topic }) => topics[topic])].map(([topic, ones]) => ({
      topic,
      partitions: ones.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
    })),
  })
  for (const { errorCode } of answer.responses.flatMap(({ partitions }) => partitions)) {
    const error = group.note(errorCode)
    if (error === 'UNKNOWN_MEMBER_ID' || error === 'ILLEGAL_GENERATION' || error === 'REBALANCE_IN_PROGRESS')
      throw new RejectedError('group-in-use', `members of the group ${groupId} are at work: stop them first`)
    if (error?.endsWith('AUTHORIZATION_FAILED')) throw new RejectedError('not-authorized', `commit: ${error}`)
    if (error !== undefined)
      throw new UnavailableError('kafka', new Error(`commit of ${groupId}: ${errorName(errorCode)}`))
  }
}
