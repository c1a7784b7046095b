import type { TopicName } from '../event/topics.ts'
import { sleep } from '../runtime/retry.ts'
import type { InRecord, Transport } from '../transport/transport.ts'

/** All that lies in a topic now, partition by partition; nothing is committed. Rejects with the signal's reason. */
export async function readTopic(transport: Transport, topic: TopicName, signal: AbortSignal): Promise<InRecord[]> {
  const byPartition = new Map<number, InRecord[]>()
  const unread = new Set<number>()
  let isAssigned = false
  const { stop } = await transport.createConsumer(
    { role: `reader-${process.pid}`, topics: [topic], startAt: 'beginning' },
    {
      assigned: (partitions) => {
        isAssigned = true
        for (const { partition } of partitions) {
          byPartition.set(partition, [])
          unread.add(partition)
        }
        return Promise.resolve([])
      },
      records: ({ partition, records }) => {
        byPartition.get(partition)?.push(...records)
        return Promise.resolve()
      },
      caughtUp: ({ partition }) => void unread.delete(partition),
    },
  )
  try {
    while (!isAssigned || unread.size > 0) await sleep(50, signal)
  } finally {
    await stop()
  }
  return [...byPartition.values()].flat()
}
