import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { ConsumerOptions } from '../transport.ts'
import type { KafkaClient } from './client.ts'
import type { Group } from './group.ts'
import type { Metadata } from './metadata.ts'
import { fetchCommitted, keyOf, listOffsets, type WirePartition } from './offsets.ts'

interface StartsDeps extends Pick<ConsumerOptions, 'startAt'> {
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly group: Group
  readonly groupId: string
  readonly signal: AbortSignal
}

/** By `keyOf`. */
interface Starts {
  readonly committed: ReadonlyMap<string, number>
  readonly starts: ReadonlyMap<string, number>
}

const backoff = { baseMs: 200, maxMs: 5000 }
const startAttempts = 5

/**
 * What the group has committed, and where the rest begins: a partition that was added to a topic the group reads, at its
 * beginning, for nobody has seen what came into it before it was noticed. A topic just made has no leader for a moment.
 */
export async function startsOf(owned: readonly WirePartition[], deps: StartsDeps): Promise<Starts> {
  const { client, metadata, group, groupId, startAt, signal } = deps
  for (let attempt = 0; ; attempt++) {
    try {
      const committed = await fetchCommitted(group, groupId, siblingsOf(owned, metadata))
      const isKnown = ({ topic }: WirePartition) => [...committed.keys()].some((key) => key.startsWith(`${topic} `))
      const fresh = owned.filter((one) => !committed.has(keyOf(one)))
      const [added, first] = [fresh.filter(isKnown), fresh.filter((one) => !isKnown(one))]
      const begins = await listOffsets(client, metadata, added, 'beginning')
      const starts = await listOffsets(client, metadata, first, startAt)
      return { committed, starts: new Map([...begins, ...starts]) }
    } catch (cause) {
      if (attempt === startAttempts) throw cause
      await sleep(backoffMs(backoff, attempt, Math.random()), signal)
      await metadata.refresh()
    }
  }
}

/** All partitions of the topics, whoever owns them. */
function siblingsOf(owned: readonly WirePartition[], metadata: Metadata): WirePartition[] {
  const byTopic = Map.groupBy(owned, ({ topic }) => topic)
  return [...byTopic].flatMap(([topic, ones]) => {
    const wireTopic = ones[0]?.wireTopic ?? ''
    const known = [...(metadata.topic(wireTopic)?.leaders.keys() ?? [])]
    const all = new Set([...known, ...ones.map(({ partition }) => partition)])
    return [...all].map((partition) => ({ topic, partition, wireTopic }))
  })
}
