import type { ChannelModel } from 'amqplib'
import { sleep } from '../../../runtime/retry.ts'
import { bindEvents, declareEventQueue, type EventQueueOptions, onOwnChannel, unbindEvents } from './queue.ts'

/**
 * A queue cannot be given another length or type: it has to be made anew, and no event may be lost meanwhile.
 *
 *   differs  → a second queue (`….moving`) takes a copy of every event from now on; the first is read until it is empty
 *   drained  → the first is deleted, declared anew and bound; the second is unbound
 *   both     → both are read (an event in both has one id); the second is deleted once it is empty
 *
 * Each state is known by what the broker holds, so a crash in any of them goes on from there.
 */
export type Opened =
  | { readonly kind: 'ready'; readonly leftover?: string }
  /** The queue is to be read until empty, then to be made anew. */
  | { readonly kind: 'draining'; readonly leftover: string; readonly wanted: EventQueueOptions }
  /** It differs from what is configured, and stays: this agent has moved it once before. */
  | { readonly kind: 'differs' }

export const movingName = (queue: string) => `${queue}.moving`

/** Declares and binds what is to be read. Throws the broker's error where it refuses. */
export async function openEventQueue(
  connection: ChannelModel,
  options: EventQueueOptions,
  mayMove: boolean,
): Promise<Opened> {
  const wanted = options.type === undefined ? await asItIs(connection, options) : options
  const differs = await difference(connection, wanted)
  if (differs === undefined) return await withLeftover(connection, wanted.queue)
  if (!mayMove) {
    await onOwnChannel(connection, (channel) => bindEvents(channel, wanted.queue))
    return { kind: 'differs' }
  }
  await keepCopies(connection, wanted)
  return { kind: 'draining', leftover: wanted.queue, wanted }
}

/** From now on the second queue takes a copy of every event. */
export function keepCopies(connection: ChannelModel, wanted: EventQueueOptions): Promise<void> {
  return onOwnChannel(connection, (channel) =>
    declareEventQueue(channel, { ...wanted, queue: movingName(wanted.queue) }),
  )
}

/** What the broker says against the declaration; undefined where the queue is there now. Throws any other refusal. */
async function difference(connection: ChannelModel, wanted: EventQueueOptions): Promise<string | undefined> {
  try {
    await onOwnChannel(connection, (channel) => declareEventQueue(channel, wanted))
    return undefined
  } catch (error) {
    if (/inequivalent arg/i.test(String(error))) return String(error)
    throw error
  }
}

/** Where nobody can say how many nodes there are, the type stays: it is found by asking. */
async function asItIs(connection: ChannelModel, options: EventQueueOptions): Promise<EventQueueOptions> {
  const classic = { ...options, type: 'classic' } as const
  const against = await difference(connection, classic)
  return against !== undefined && /x-queue-type/.test(against) ? { ...options, type: 'quorum' } : classic
}

/** Deleting what is not there is no error, and leaves no line in the broker's log, as asking for it would. */
async function withLeftover(connection: ChannelModel, queue: string): Promise<Opened> {
  const moving = movingName(queue)
  const isGone = await deleteIfEmpty(connection, moving)
  if (isGone) return { kind: 'ready' }
  await onOwnChannel(connection, (channel) => unbindEvents(channel, moving))
  return { kind: 'ready', leftover: moving }
}

async function deleteIfEmpty(connection: ChannelModel, queue: string): Promise<boolean> {
  try {
    await onOwnChannel(connection, (channel) => channel.deleteQueue(queue, { ifEmpty: true }))
    return true
  } catch (error) {
    if (/406|PRECONDITION/i.test(String(error))) return false
    throw error
  }
}

export interface Draining {
  readonly connection: ChannelModel
  readonly queue: string
  /** Nothing that was delivered here waits for its acknowledgement. */
  readonly isIdle: () => boolean
  /** So long another agent may hold what it was given. Ms. */
  readonly holdLimitMs: number
  /** Before the queue is deleted. */
  readonly prepare: () => Promise<void>
  readonly everyMs?: number
}

/** Resolves once the queue is empty and deleted. What other agents hold unacknowledged is waited for, or has its copy. */
export async function deleteWhenDrained(
  { connection, queue, isIdle, holdLimitMs, prepare, everyMs = 250 }: Draining,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    await sleep(everyMs, signal)
    const found = await onOwnChannel(connection, (channel) => channel.checkQueue(queue)).catch((error: unknown) => {
      if (/404|NOT_FOUND/.test(String(error))) return undefined
      throw error
    })
    // Another agent was quicker.
    if (!found) return
    const isOurs = found.consumerCount <= 1 || performance.now() - startedMs > holdLimitMs
    if (found.messageCount > 0 || !isIdle() || !isOurs) continue
    await prepare()
    // Refused where a message came in between: then once more.
    if (await deleteIfEmpty(connection, queue)) return
  }
}
