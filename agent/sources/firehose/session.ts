import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { once } from 'node:events'
import type { Emitted } from '../../../event/encode.ts'
import { streamKey } from '../../../event/encode.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { closeConnection } from '../../broker/close.ts'
import { connectionName } from '../../broker/connection-name.ts'
import { type AmqpOptions, connectBroker } from '../../broker/connection.ts'
import type { Emit, Identity } from '../../source.ts'
import { decodeTrace, isOwnTrace, type TraceContext } from './decode-trace.ts'
import { createLatency } from './latency.ts'
import { declareTraceQueue, maxQueueLength, type TraceBindings } from './queue.ts'
import type { FirehoseTelemetry } from './telemetry.ts'
import { refusalOf } from './version-gate.ts'

/** What one vhost's firehose has seen so far; counters only grow. */
export interface Tally {
  received: number
  own: number
  captured: number
  /** How full the trace queue was when last asked, as a share of its bound. */
  fill: number
}

export interface SessionDeps {
  readonly amqp: AmqpOptions
  readonly vhost: string
  readonly bindings: TraceBindings
  readonly identity: Identity
  readonly emit: Emit
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
/** Longer than this the transport is away: what is held is dropped and counted, and newer traces are read instead. */
const holdLimitMs = 60_000

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
    const refusal = refusalOf(version)
    if (refusal !== undefined) throw new Error(refusal)
    if (typeof cluster === 'string' && cluster !== '' && deps.identity.cluster() === undefined)
      deps.identity.learn({ cluster })
    return await consume(connection, deps, signal)
  } finally {
    deps.tally.fill = 0
    await closeConnection(connection)
  }
}

async function consume(connection: ChannelModel, deps: SessionDeps, signal: AbortSignal): Promise<never> {
  const broken = new AbortController()
  const fail = (cause: Error) => broken.abort(cause)
  const channel = await connection.createChannel()
  channel.on('error', fail)
  channel.on('close', () => fail(new Error('the broker closed the channel')))
  connection.on('close', (cause?: Error) => fail(cause ?? new Error('the broker closed the connection')))
  const ends = AbortSignal.any([signal, broken.signal])
  const inbox: ConsumeMessage[] = []
  const wake = new EventTarget()
  let asking: NodeJS.Timeout | undefined
  try {
    await channel.prefetch(prefetch)
    const queue = await declareTraceQueue(channel, deps.bindings, await deps.onlyNode(ends))
    await channel.consume(queue, (message) => {
      if (message === null) fail(new Error(`queue '${queue}' was deleted`))
      else inbox.push(message)
      wake.dispatchEvent(new Event('message'))
    })
    asking = setInterval(() => void askFill(channel, queue, deps.tally), deps.fillEveryMs)
    deps.onConsuming()
    const forward = createForward(deps)
    for (;;) {
      ends.throwIfAborted()
      if (inbox.length > 0) await forward(channel, inbox.splice(0), ends)
      else await once(wake, 'message', { signal: ends })
    }
  } catch (error) {
    // The channel's own error says why (403, 404); the call that failed on it says only that it did.
    if (broken.signal.aborted && !signal.aborted) throw broken.signal.reason
    throw error
  } finally {
    clearInterval(asking)
  }
}

async function askFill(channel: Channel, queue: string, tally: Tally): Promise<void> {
  // A channel that is closing is told of elsewhere.
  const answer = await channel.checkQueue(queue).catch(() => undefined)
  if (answer) tally.fill = answer.messageCount / maxQueueLength
}

function createForward(deps: SessionDeps) {
  const { identity, telemetry, tally, now } = deps
  const addLatency = createLatency()
  return async (channel: Channel, messages: ConsumeMessage[], ends: AbortSignal): Promise<void> => {
    const key = streamKey(identity.keyNode(), 'firehose')
    const batch: Emitted[] = []
    for (const message of messages) {
      const { routingKey } = message.fields
      tally.received++
      if (isOwnTrace(routingKey)) {
        tally.own++
        telemetry.dropped('own')
        continue
      }
      const atMs = now()
      if (!deps.mayPass(atMs)) {
        telemetry.dropped('rate')
        continue
      }
      const headers = (message.properties.headers ?? {}) as Record<string, unknown>
      const context = { identity, atMs, sequence: deps.nextSequence(), describeBody: deps.describeBody }
      const decoded = decodeTrace({ routingKey, headers, body: message.content }, context)
      if (decoded.kind === 'drop') {
        telemetry.dropped(decoded.reason)
        continue
      }
      addLatency(decoded.event, atMs)
      batch.push({ topic: 'AMQP', key, event: decoded.event })
    }
    telemetry.read(messages.length)
    if (batch.length > 0) await handOn(batch, deps, ends)
    ends.throwIfAborted()
    const last = messages.at(-1)
    if (last) channel.ack(last, true)
  }
}

async function handOn(batch: readonly Emitted[], { emit, tally, telemetry }: SessionDeps, ends: AbortSignal) {
  const held = new AbortController()
  const timer = setTimeout(() => held.abort(new Error('the transport is away')), holdLimitMs)
  const onEnd = () => held.abort(ends.reason)
  ends.addEventListener('abort', onEnd, { once: true })
  try {
    await emit.events(batch, held.signal)
    tally.captured += batch.length
  } catch (cause) {
    if (!held.signal.aborted) throw cause
    telemetry.dropped('transport-away', batch.length)
  } finally {
    clearTimeout(timer)
    ends.removeEventListener('abort', onEnd)
  }
}
