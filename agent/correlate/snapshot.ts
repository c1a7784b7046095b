import { z } from 'zod'
import type { Json } from '../../event/event.ts'
import type { Correlator } from './correlator.ts'

const text = z.string().optional()
const kept = z.object({
  /** Stopped in order: nothing was acknowledged after it was written. */
  isClean: z.boolean(),
  completeFromMs: z.number().optional(),
  connections: z.array(
    z.object({
      name: z.string(),
      node: text,
      pid: text,
      user: text,
      vhost: text,
      ip: text,
      port: z.number().optional(),
      client: text,
      protocol: text,
      openedMs: z.number(),
      closedMs: z.number().optional(),
      channels: z.number(),
    }),
  ),
  channels: z.array(z.tuple([z.string(), z.object({ connection: z.string(), number: z.number().optional() })])),
  queues: z.array(
    z.tuple([
      z.string(),
      z.object({
        facts: z.object({
          durable: z.boolean().optional(),
          auto_delete: z.boolean().optional(),
          exclusive: z.boolean().optional(),
          type: text,
          arguments: z.record(z.string(), z.json()).optional(),
        }),
        owner: text,
        consumersSeen: z.number(),
      }),
    ]),
  ),
})

/** What the correlator knows, as JSON for the data folder. */
export function takeSnapshot({ connections, queues, completeFromMs }: Correlator, isClean: boolean): string {
  return JSON.stringify({
    isClean,
    completeFromMs,
    connections: [...connections.all()],
    channels: [...connections.channels()],
    queues: [...queues.entries()],
  })
}

/**
 * Puts back what a snapshot kept; false where it is none. After a stop that was not in order, events may have been
 * acknowledged that the snapshot does not know: then nothing counts as complete until the broker's list has been read.
 */
export function restoreSnapshot(correlator: Correlator, snapshot: unknown): boolean {
  const found = kept.safeParse(snapshot)
  if (!found.success) return false
  const { isClean, completeFromMs, connections, channels, queues } = found.data
  for (const connection of connections) {
    const { closedMs, ...open } = connection
    correlator.connections.open(open)
    if (closedMs !== undefined) correlator.connections.close(open, closedMs)
  }
  for (const [key, channel] of channels) correlator.connections.restoreChannel(key, channel)
  for (const [key, { facts, owner, consumersSeen }] of queues) {
    const { durable, auto_delete, exclusive, type, arguments: given } = facts
    correlator.queues.restore(key, {
      facts: {
        ...(durable !== undefined && { durable }),
        ...(auto_delete !== undefined && { auto_delete }),
        ...(exclusive !== undefined && { exclusive }),
        ...(type !== undefined && { type }),
        ...(given !== undefined && { arguments: given as Record<string, Json> }),
      },
      owner,
      consumersSeen,
    })
  }
  correlator.completeFromMs = isClean ? completeFromMs : undefined
  return true
}
