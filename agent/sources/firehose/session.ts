import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { Emitted } from '../../../event/encode.ts'
import { streamKey } from '../../../event/encode.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { closeConnection } from '../../broker/close.ts'
import { connectionName } from '../../broker/connection-name.ts'
import { type AmqpOptions, connectBroker } from '../../broker/connection.ts'
import { sleep } from '../../../runtime/retry.ts'
import type { Identity } from '../../source.ts'
import { decodeTrace, isOwnTrace, type TraceContext } from './decode-trace.ts'
import { createLatency } from './latency.ts'
import { declareTraceQueue, type TraceBindings } from './queue.ts'
import type { Tally } from './tally.ts'
import type { DropReason, FirehoseTelemetry } from './telemetry.ts'
import { refusalOf } from './version-gate.ts'

export interface SessionDeps {
  readonly amqp: AmqpOptions
  readonly vhost: string
  readonly bindings: TraceBindings
  readonly identity: Identity
  /** Resolves when they are durable, whatever becomes of this session. */
  readonly handOn: (batch: readonly Emitted[]) => Promise<void>
  readonly now: Clock
  readonly telemetry: FirehoseTelemetry
  readonly describeBody: TraceContext['describeBody']
  readonly mayPass: (nowMs: number) => boolean
  readonly nextSequence: () => number
  readonly tally: Tally
  readonly onlyNode: (signal: AbortSignal) => Promise<string | undefined>
  readonly onConsuming: () => void
  readonly fillEveryMs: number
}

/** What may be unacknowledged at once: the bound of our memory. */
const prefetch = 500
/** Traces are gathered for so long, or until a good part of the window is full: each batch costs an acknowledgement and a request. */
const lingerMs = 100
const fullBatch = prefetch / 2

/** One connection's life: declares, consumes, and ends only by throwing. The queue is gone when this returns. */
export async function runSession(deps: SessionDeps, signal: AbortSignal): Promise<never> {
  const connection = await connectBroker({
    amqp: deps.amqp,
    vhost: deps.vhost,
    name: connectionName(deps.identity.hostName),
  })
  try {
    signal.throwIfAborted()
    const { version, cluster_name: cluster } = connection.connection.serverProperties as Record<string, unknown>
    const refusal = refusalOf(version, deps.vhost)
    if (refusal !== undefined) throw new Error(refusal)
    if (typeof cluster === 'string' && cluster !== '' && deps.identity.cluster() === undefined)
      deps.identity.learn({ cluster })
    return await consume(connection, deps, signal)
  } finally {
    deps.tally.waiting = 0
    await closeConnection(connection)
  }
}

async function consume(connection: ChannelModel, deps: SessionDeps, signal: AbortSignal): Promise<never> {
  const channel = await connection.createChannel()
  const broken = new AbortController()
  const fail = (error: Error) => broken.abort(error)
  channel.on('error', fail)
  channel.on('close', () => fail(new Error('the broker closed the channel')))
  connection.on('close', (error?: Error) => fail(error ?? new Error('the broker closed the connection')))
  const ends = AbortSignal.any([signal, broken.signal])
  const inbox: ConsumeMessage[] = []
  let wake = () => {}
  const woken = () => new Promise<void>((resolve) => (wake = resolve))
  let asking: NodeJS.Timeout | undefined
  let isOver = false
  try {
    await channel.prefetch(prefetch)
    const queue = await declareTraceQueue(channel, deps.bindings, await deps.onlyNode(ends))
    await channel.consume(queue, (message) => {
      if (message === null) fail(new Error(`queue '${queue}' was deleted`))
      else {
        deps.tally.received++
        if (message.properties.headers?.['channel'] === 0) deps.tally.uncounted++
        // What still comes while the connection closes.
        if (isOver) dropUnread(deps, 1)
        else inbox.push(message)
      }
      if (message === null || inbox.length === 1 || inbox.length === fullBatch) wake()
    })
    asking = setInterval(() => void askWaiting(channel, queue, deps.tally), deps.fillEveryMs)
    deps.onConsuming()
    const forward = createForward(deps)
    for (;;) {
      if (inbox.length === 0) await orEnd(woken(), ends)
      if (inbox.length < fullBatch) await orEnd(Promise.race([woken(), sleep(lingerMs)]), ends)
      ends.throwIfAborted()
      await orEnd(forward(channel, inbox.splice(0)), ends)
    }
  } catch (error) {
    // The channel's own error says why (403, 404); the call that failed on it says only that it did.
    if (broken.signal.aborted && !signal.aborted) throw broken.signal.reason
    throw error
  } finally {
    clearInterval(asking)
    isOver = true
    dropUnread(deps, inbox.length)
  }
}

/** What `work` comes to, unless the end comes first. Leaves nothing behind on a signal that lives for days. */
function orEnd(work: Promise<void>, ends: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEnd = () => reject(ends.reason as Error)
    ends.addEventListener('abort', onEnd, { once: true })
    work.then(resolve, reject).finally(() => ends.removeEventListener('abort', onEnd))
    if (ends.aborted) onEnd()
  })
}

function dropUnread(deps: SessionDeps, count: number): void {
  deps.telemetry.read(count)
  drop(deps, 'session-ended', count)
}

function drop({ tally, telemetry }: SessionDeps, reason: DropReason, count = 1): undefined {
  if (count === 0) return
  if (reason === 'own') tally.own += count
  else tally.dropped += count
  telemetry.dropped(reason, count)
}

async function askWaiting(channel: Channel, queue: string, tally: Tally): Promise<void> {
  // A channel that is closing is told of elsewhere.
  const answer = await channel.checkQueue(queue).catch(() => undefined)
  if (answer) tally.waiting = answer.messageCount
}

function createForward(deps: SessionDeps) {
  const { identity, telemetry, now } = deps
  const addLatency = createLatency()
  const eventOf = (message: ConsumeMessage): Emitted['event'] | undefined => {
    const { routingKey } = message.fields
    if (isOwnTrace(routingKey)) return drop(deps, 'own')
    const atMs = now()
    if (!deps.mayPass(atMs)) return drop(deps, 'rate')
    const headers = (message.properties.headers ?? {}) as Record<string, unknown>
    const context = { identity, atMs, sequence: deps.nextSequence(), describeBody: deps.describeBody }
    const decoded = decodeTrace({ routingKey, headers, body: message.content }, context)
    if (decoded.kind === 'drop') return drop(deps, decoded.reason)
    addLatency(decoded.event, atMs)
    return decoded.event
  }
  return async (channel: Channel, messages: readonly ConsumeMessage[]): Promise<void> => {
    const key = streamKey(identity.keyNode(), 'firehose')
    const batch: Emitted[] = []
    for (const message of messages) {
      const event = eventOf(message)
      if (event) batch.push({ topic: 'AMQP', key, event })
    }
    telemetry.read(messages.length)
    if (batch.length > 0) await deps.handOn(batch)
    // A channel that has closed meanwhile takes no acknowledgement, and needs none: its queue is gone.
    const last = messages.at(-1)
    if (last) acknowledge(channel, last)
  }
}

function acknowledge(channel: Channel, message: ConsumeMessage): void {
  try {
    channel.ack(message, true)
  } catch {
    // IllegalOperationError: the channel is closed, which the session hears of by itself.
  }
}
