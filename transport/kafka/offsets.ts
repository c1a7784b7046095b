import { UnavailableError } from '../../runtime/errors.ts'
import type { TopicPartition } from '../transport.ts'
import type { KafkaClient } from './client.ts'
import type { Group } from './group.ts'
import { errorName } from './kafkajs.ts'
import type { Metadata } from './metadata.ts'

export interface WirePartition extends TopicPartition {
  readonly wireTopic: string
}

/** What offsets are kept by. */
export const keyOf = ({ topic, partition }: TopicPartition) => `${topic} ${partition}`

interface OffsetsAnswer {
  readonly responses: ReadonlyArray<{
    readonly topic: string
    readonly partitions: ReadonlyArray<{
      readonly partition: number
      readonly errorCode: number
      readonly offset: string
    }>
  }>
}

function byTopic<T extends object>(partitions: readonly WirePartition[], extra: T) {
  const topics = Map.groupBy(partitions, ({ wireTopic }) => wireTopic)
  return [...topics].map(([topic, ones]) => ({
    topic,
    partitions: ones.map(({ partition }) => ({ partition, ...extra })),
  }))
}

/** By `topic partition`; throws where the broker has an answer for none of it now. */
function read(answer: OffsetsAnswer, partitions: readonly WirePartition[]): Map<string, number> {
  const offsets = new Map<string, number>()
  for (const { topic: wireTopic, partitions: answers } of answer.responses) {
    for (const { partition, errorCode, offset } of answers) {
      const asked = partitions.find((one) => one.wireTopic === wireTopic && one.partition === partition)
      if (errorCode !== 0)
        throw new UnavailableError('kafka', new Error(`${wireTopic}-${partition}: ${errorName(errorCode)}`))
      if (asked && Number(offset) >= 0) offsets.set(keyOf(asked), Number(offset))
    }
  }
  return offsets
}

/** What the group has committed; without an entry where it has nothing. */
export async function fetchCommitted(group: Group, groupId: string, partitions: readonly WirePartition[]) {
  if (partitions.length === 0) return new Map<string, number>()
  const answer = await group.ask<OffsetsAnswer & { readonly errorCode: number }>('OffsetFetch', {
    groupId,
    topics: byTopic(partitions, {}),
  })
  const error = group.note(answer.errorCode)
  if (error !== undefined) throw new UnavailableError('kafka', new Error(`the group coordinator says ${error}`))
  return read(answer, partitions)
}

/** The first offset that each log holds, or the next that will be written. */
export async function listOffsets(
  client: KafkaClient,
  metadata: Metadata,
  partitions: readonly WirePartition[],
  which: 'beginning' | 'latest',
): Promise<Map<string, number>> {
  const timestamp = which === 'beginning' ? '-2' : '-1'
  const byLeader = Map.groupBy(partitions, ({ wireTopic, partition }) => metadata.leader(wireTopic, partition))
  if (byLeader.has(undefined)) {
    await metadata.refresh()
    throw new UnavailableError('kafka', new Error('a partition has no leader'))
  }
  const all = new Map<string, number>()
  for (const [leader, ones] of byLeader) {
    const answer = await client.ask<OffsetsAnswer>(leader, 'ListOffsets', {
      isolationLevel: 0,
      topics: byTopic(ones, { timestamp }),
    })
    for (const [key, offset] of read(answer, ones)) all.set(key, offset)
  }
  return all
}
