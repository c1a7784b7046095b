import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { once } from 'node:events'
import type { Emitted } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import { retryForever, sleep } from '../../../runtime/retry.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import type { KeepUp } from '../../correlate/keep-up.ts'
import { connectionName } from '../../broker/connection-name.ts'
import { type AmqpOptions, connectBroker } from '../../broker/connection.ts'
import type { Emit, Identity, Source, SourceStatus } from '../../source.ts'
import { decodeEvent } from './decode-event.ts'
import { diagnose } from './diagnosis.ts'
import { declareEventQueue } from './queue.ts'
import { createEventsTelemetry } from './telemetry.ts'

export interface EventsDeps {
  readonly amqp: AmqpOptions
  readonly events: { readonly vhost: string; readonly queue: string; readonly maxLength: number }
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
  /** Adds what is known about the doer before the event leaves; the event may be changed in place. */
  readonly attribute?: (event: ThumpEvent, isAgain: boolean) => void
  readonly keepUp?: KeepUp
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
}

/** What may be unacknowledged at once: the bound of memory, and of what a crash lets be read again. */
const prefetch = 250
/** Below every broker's consumer timeout (15 minutes at the least): held messages go back before the broker closes us. */
const holdLimitMs = 5 * 60_000

/**
 * Consumes the shared event queue. connecting → consuming → (closed, cancelled, refused, held too long) → backoff →
 * connecting. A message is acknowledged only when the transport has its event; a broken session leaves the rest in the
 * queue, and the ids are made of the message, so reading it again changes nothing.
 */
export function createEventsSource(deps: EventsDeps): Source {
  return {
    name: 'events',
    start: () => Promise.resolve(startEvents(deps)),
  }
}

function startEvents(deps: EventsDeps): Started<SourceStatus> {
  const { amqp, events, identity } = deps
  const telemetry = createEventsTelemetry(deps)
  const stopping = new AbortController()
  let state: { ok: boolean; detail?: string } = { ok: false, detail: 'connecting' }
  const user =
    amqp.username ?? (decodeURIComponent(new URL(amqp.url[0] ?? 'amqp://guest@localhost').username) || 'guest')
  const own = { users: new Set([user]), queuePrefix: 'mon.' }
  const session = async (signal: AbortSignal): Promise<never> => {
    const connection = await connectOwn(deps)
    try {
      learnCluster(identity, connection)
      return await consume(connection, { ...deps, own, telemetry, signal, onConsuming })
    } finally {
      await closeQuietly(connection)
    }
  }
  const onConsuming = () => {
    state = { ok: true }
    telemetry.consuming()
  }
  const onFailure = (cause: unknown) => {
    const diagnosis = diagnose(cause, { user, vhost: events.vhost, queue: events.queue })
    state = { ok: false, detail: diagnosis.detail }
    telemetry.failed(cause, diagnosis)
  }
  const backoff = deps.backoff ?? { baseMs: 500, maxMs: 30_000 }
  // A session that worked must not leave a long wait behind: each starts its backoff anew, after one short rest.
  const run = async () => {
    for (;;) {
      await retryForever((signal) => untilBroken(signal), backoff, stopping.signal, { onFailure })
      await sleep(backoff.baseMs, stopping.signal)
    }
  }
  const untilBroken = async (signal: AbortSignal) => {
    try {
      await session(signal)
    } catch (cause) {
      if (!state.ok || signal.aborted) throw cause
      onFailure(cause)
    }
  }
  const running = run().catch((cause: unknown) => {
    if (!stopping.signal.aborted) throw cause
  })
  return {
    value: { ready: () => state },
    stop: async () => {
      stopping.abort(new Error('stopping'))
      await running
      deps.keepUp?.end()
    },
  }
}

function connectOwn({ amqp, events, identity }: EventsDeps): Promise<ChannelModel> {
  return connectBroker({ amqp, vhost: events.vhost, name: connectionName(identity.hostName) })
}

function learnCluster(identity: Identity, connection: ChannelModel): void {
  const { cluster_name: cluster } = connection.connection.serverProperties as { cluster_name?: unknown }
  if (typeof cluster === 'string' && cluster !== '' && identity.cluster() === undefined) identity.learn({ cluster })
}

interface ConsumeRequest extends EventsDeps {
  readonly own: Parameters<typeof decodeEvent>[2]
  readonly telemetry: ReturnType<typeof createEventsTelemetry>
  readonly signal: AbortSignal
  readonly onConsuming: () => void
}

/** Ends only by throwing: the connection broke, the queue went, or `signal` aborted. */
async function consume(connection: ChannelModel, request: ConsumeRequest): Promise<never> {
  const { signal, events } = request
  const broken = new AbortController()
  const fail = (cause: Error) => broken.abort(cause)
  const channel = await connection.createChannel()
  channel.on('error', fail)
  channel.on('close', () => fail(new Error('the broker closed the channel')))
  connection.on('close', (cause?: Error) => fail(cause ?? new Error('the broker closed the connection')))
  const ends = AbortSignal.any([signal, broken.signal])
  const inbox: ConsumeMessage[] = []
  let hasBegun = false
  const wake = new EventTarget()
  try {
    await channel.prefetch(prefetch)
    await declareEventQueue(channel, events)
    await channel.consume(events.queue, (message) => {
      // null: the queue was deleted under us; the next session declares it anew.
      if (message === null) fail(new Error(`queue '${events.queue}' was deleted`))
      else inbox.push(message)
      wake.dispatchEvent(new Event('message'))
    })
    request.onConsuming()
    // Our own connection came before the binding: a second one makes the event that names the node.
    if (request.identity.node() === undefined) await closeQuietly(await connectOwn(request))
    for (;;) {
      ends.throwIfAborted()
      if (inbox.length > 0 && !hasBegun) {
        hasBegun = true
        request.keepUp?.begin(ends)
      }
      if (inbox.length > 0) await forward(channel, inbox.splice(0), request, ends)
      else await once(wake, 'message', { signal: ends })
    }
  } catch (error) {
    // The channel's own error says why (403, 404, 406); the call that failed on it says only that it did.
    if (broken.signal.aborted && !signal.aborted) throw broken.signal.reason
    throw error
  }
}

async function forward(
  channel: Channel,
  messages: ConsumeMessage[],
  request: ConsumeRequest,
  ends: AbortSignal,
): Promise<void> {
  const batch: Emitted[] = []
  for (const message of messages) {
    const emitted = decode(message, request)
    if (emitted) batch.push(emitted)
  }
  if (batch.length > 0) {
    const held = AbortSignal.timeout(holdLimitMs)
    await request.emit.events(batch, AbortSignal.any([ends, held]))
  }
  ends.throwIfAborted()
  const last = messages.at(-1)
  if (last) channel.ack(last, true)
  request.keepUp?.tick()
}

function decode(
  message: ConsumeMessage,
  { identity, own, now, telemetry, attribute }: ConsumeRequest,
): Emitted | undefined {
  const { headers = {}, timestamp } = message.properties as { headers?: Record<string, unknown>; timestamp?: number }
  telemetry.read()
  const decoded = decodeEvent(
    { routingKey: message.fields.routingKey, headers, timestampS: timestamp },
    identity,
    own,
    now(),
  )
  if (decoded.kind === 'drop') {
    telemetry.dropped(decoded.reason)
    return undefined
  }
  const { event } = decoded
  // Our own connection's event is the one place that surely names the node we sit beside.
  const isOurs = event.client?.name === connectionName(identity.hostName) && event.amqp?.operation === 'connection.open'
  const node = event.service.node?.name
  if (isOurs && node !== undefined && identity.node() === undefined) identity.learn({ node })
  attribute?.(event, message.fields.redelivered)
  return { topic: 'AMQP', key: `${identity.cluster() ?? identity.agentId}/events`, event }
}

/** A broker that hangs must not keep us from leaving. */
async function closeQuietly(connection: ChannelModel): Promise<void> {
  const patience = new AbortController()
  const late = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 2000)
    patience.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
  await Promise.race([connection.close().catch(() => {}), late])
  patience.abort()
}
