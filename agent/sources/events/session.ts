import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { once } from 'node:events'
import type { Emitted } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { sleep } from '../../../runtime/retry.ts'
import { closeConnection } from '../../broker/close.ts'
import { connectionName } from '../../broker/connection-name.ts'
import { connectBroker } from '../../broker/connection.ts'
import { openCanary } from './canary.ts'
import type { EventsDeps } from './contract.ts'
import { decodeEvent } from './decode-event.ts'
import { HeldTooLong } from './diagnosis.ts'
import { deleteWhenDrained, keepCopies, openEventQueue, type Opened } from './move.ts'
import { probeEvents } from './probe.ts'
import { bindEvents, type EventQueueOptions, onOwnChannel } from './queue.ts'
import type { EventsTelemetry } from './telemetry.ts'

/** What may be unacknowledged at once: the bound of memory, and of what a crash lets be read again. */
const prefetch = 250
/** Below every broker's consumer timeout (15 minutes at the least): held messages go back before the broker closes us. */
const defaultHoldLimitMs = 5 * 60_000
const defaultProbeEveryMs = 5 * 60_000

/** What one session leaves to the next. */
export interface SessionMemory {
  /** A queue that differs is made anew once a process: two agents that disagree must not do it for ever. */
  hasMoved: boolean
  readonly isRepeat: (event: ThumpEvent) => boolean
}

export interface SessionRequest extends EventsDeps {
  readonly own: Parameters<typeof decodeEvent>[2]
  readonly telemetry: EventsTelemetry
  readonly type: EventQueueOptions['type']
  readonly memory: SessionMemory
  readonly signal: AbortSignal
  readonly onState: (state: { ok: boolean; detail?: string }) => void
}

export function connectOwn({ amqp, events, identity }: EventsDeps): Promise<ChannelModel> {
  return connectBroker({ amqp, vhost: events.vhost, name: connectionName(identity.hostName) })
}

/** Ends when the queue was made anew; else by throwing: the connection broke, the queue went, or `signal` aborted. */
export async function consume(connection: ChannelModel, request: SessionRequest): Promise<void> {
  const { signal, events, memory, telemetry } = request
  const broken = new AbortController()
  const fail = (cause: Error) => broken.abort(cause)
  connection.on('close', (cause?: Error) => fail(cause ?? new Error('the broker closed the connection')))
  const ends = AbortSignal.any([signal, broken.signal])
  const inbox = new Inbox()
  try {
    const opened = await openEventQueue(connection, { ...events, type: request.type }, !memory.hasMoved)
    telemetry.opened(opened.kind, events.queue)
    const channel = await connection.createChannel()
    channel.on('error', fail)
    // Where the connection goes, its channels are told first; why it goes is told in the same turn.
    channel.on('close', () => setImmediate(fail, new Error('the broker closed the channel')))
    await channel.prefetch(prefetch)
    for (const queue of toRead(opened, events.queue)) await read(channel, queue, opened, inbox, fail)
    request.onState({ ok: true })
    // Our own connection came before the binding: a second one makes the event that names the node.
    if (request.identity.node() === undefined) await closeConnection(await connectOwn(request))
    const moved = watchLeftover(connection, opened, inbox, ends)
    // The plugin takes the exchange and every binding with it: the next session says so, and binds anew once it is back.
    keepProbing(connection, request, opened, ends).catch(fail)
    const isMoved = await Promise.race([forwardAll(channel, inbox, request, ends), moved])
    if (isMoved) memory.hasMoved = true
  } catch (error) {
    // The channel's own error says why (403, 404, 406); the call that failed on it says only that it did.
    if (broken.signal.aborted && !signal.aborted) throw broken.signal.reason
    throw error
  }
}

function toRead(opened: Opened, queue: string): string[] {
  return opened.kind === 'ready' && opened.leftover !== undefined ? [queue, opened.leftover] : [queue]
}

async function read(channel: Channel, queue: string, opened: Opened, inbox: Inbox, fail: (cause: Error) => void) {
  await channel.consume(queue, (message) => {
    if (message !== null) return inbox.push(message)
    // The queue was deleted: by ourselves where it was to go, else under us, and the next session declares it anew.
    const isExpected = 'leftover' in opened && opened.leftover === queue
    if (!isExpected) fail(new Error(`queue '${queue}' was deleted`))
  })
}

/** True once the queue that differed is gone; never where it is the other one's leftover, which goes by the way. */
async function watchLeftover(
  connection: ChannelModel,
  opened: Opened,
  inbox: Inbox,
  signal: AbortSignal,
): Promise<boolean> {
  const never = new Promise<boolean>(() => {})
  if (!('leftover' in opened) || opened.leftover === undefined) return never
  const isIdle = () => inbox.isIdle
  const limitMs = defaultHoldLimitMs + 60_000
  const prepare = () => (opened.kind === 'draining' ? keepCopies(connection, opened.wanted) : Promise.resolve())
  await deleteWhenDrained({ connection, queue: opened.leftover, isIdle, holdLimitMs: limitMs, prepare }, signal)
  return opened.kind === 'draining' ? true : never
}

/** What was delivered and not yet acknowledged. */
class Inbox {
  #messages: ConsumeMessage[] = []
  #taken = 0
  readonly #wake = new EventTarget()

  get isIdle(): boolean {
    return this.#messages.length === 0 && this.#taken === 0
  }

  push(message: ConsumeMessage): void {
    this.#messages.push(message)
    this.#wake.dispatchEvent(new Event('message'))
  }

  async take(signal: AbortSignal): Promise<ConsumeMessage[]> {
    signal.throwIfAborted()
    if (this.#messages.length === 0) await once(this.#wake, 'message', { signal })
    const taken = this.#messages
    this.#messages = []
    this.#taken = taken.length
    return taken
  }

  acknowledged(): void {
    this.#taken = 0
  }
}

async function forwardAll(channel: Channel, inbox: Inbox, request: SessionRequest, ends: AbortSignal): Promise<never> {
  for (let hasBegun = false; ; hasBegun = true) {
    const messages = await inbox.take(ends)
    if (!hasBegun) request.keepUp?.begin(ends)
    await forward(channel, messages, request, ends)
    inbox.acknowledged()
    request.keepUp?.tick()
  }
}

/** This node tells nothing where the plugin is missing on it, although the shared queue goes on with the others' events. */
async function keepProbing(
  connection: ChannelModel,
  request: SessionRequest,
  opened: Opened,
  signal: AbortSignal,
): Promise<void> {
  const canary = await openCanary(connection)
  for (;;) {
    const isHeard = await probeEvents(connection, signal, request.probeLimitMs)
    signal.throwIfAborted()
    // Disabled and enabled between two probes, the plugin leaves an exchange that works and a queue bound to nothing.
    if (isHeard && (await canary.isSilent())) {
      if (opened.kind === 'ready')
        await onOwnChannel(connection, (channel) => bindEvents(channel, request.events.queue))
      await canary.bind()
    }
    const node = request.identity.node()
    const where = node === undefined ? '' : ` -n ${node}`
    request.onState(
      isHeard
        ? { ok: true }
        : {
            ok: false,
            detail: `this node's events do not arrive: a probe queue was made and not told of; on this node run: rabbitmq-plugins${where} enable rabbitmq_event_exchange`,
          },
    )
    await sleep(request.probeEveryMs ?? defaultProbeEveryMs, signal)
  }
}

async function forward(
  channel: Channel,
  messages: ConsumeMessage[],
  request: SessionRequest,
  ends: AbortSignal,
): Promise<void> {
  const batch: Emitted[] = []
  for (const message of messages) {
    const emitted = decode(message, request)
    if (emitted) batch.push(emitted)
  }
  if (batch.length > 0) {
    const limitMs = request.holdLimitMs ?? defaultHoldLimitMs
    const held = AbortSignal.timeout(limitMs)
    try {
      await request.emit.events(batch, AbortSignal.any([ends, held]))
    } catch (cause) {
      throw held.aborted && !ends.aborted ? new HeldTooLong(limitMs) : cause
    }
  }
  ends.throwIfAborted()
  const last = messages.at(-1)
  if (last) channel.ack(last, true)
}

function decode(
  message: ConsumeMessage,
  { identity, own, now, telemetry, attribute, memory }: SessionRequest,
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
  if (memory.isRepeat(event)) {
    telemetry.dropped('told-by-another-node')
    return undefined
  }
  // Our own connection's event is the one place that surely names the node we sit beside.
  const isOurs = event.client?.name === connectionName(identity.hostName) && event.amqp?.operation === 'connection.open'
  const node = event.service.node?.name
  if (isOurs && node !== undefined && identity.node() === undefined) identity.learn({ node })
  attribute?.(event, message.fields.redelivered)
  return { topic: 'AMQP', key: `${identity.cluster() ?? identity.agentId}/events`, event }
}
