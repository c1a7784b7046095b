import type { ChannelModel } from 'amqplib'
import { retryForever, sleep } from '../../../runtime/retry.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import { closeConnection } from '../../broker/close.ts'
import type { Identity, Source, SourceStatus } from '../../source.ts'
import type { EventsDeps } from './contract.ts'
import { createDiagnosis } from './diagnosis.ts'
import type { EventQueueOptions } from './queue.ts'
import { createRepeats } from './repeats.ts'
import { connectOwn, consume, type SessionMemory } from './session.ts'
import { createEventsTelemetry } from './telemetry.ts'

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
  const memory: SessionMemory = { hasMoved: false, isRepeat: createRepeats() }
  const session = async (signal: AbortSignal): Promise<void> => {
    const connection = await connectOwn(deps)
    try {
      learnCluster(identity, connection)
      const type = await queueType(deps, signal)
      await consume(connection, { ...deps, own, telemetry, signal, type, memory, onState })
    } finally {
      await closeConnection(connection)
    }
  }
  const diagnosed = createDiagnosis({ user, vhost: events.vhost, queue: events.queue })
  const onState = (next: { ok: boolean; detail?: string }) => {
    if (next.ok) diagnosed.recovered()
    if (next.ok && !state.ok) telemetry.consuming()
    else if (next.detail !== undefined && next.detail !== state.detail) telemetry.doubtful(next.detail)
    state = next
  }
  const onFailure = (cause: unknown) => {
    const diagnosis = diagnosed.of(cause)
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

/** Quorum in a cluster; where nobody can say how many nodes there are, a queue stays as it is. */
async function queueType({ countNodes }: EventsDeps, signal: AbortSignal): Promise<EventQueueOptions['type']> {
  const nodes = await countNodes?.(signal).catch(() => undefined)
  return nodes === undefined || nodes === 0 ? undefined : nodes > 1 ? 'quorum' : 'classic'
}

function learnCluster(identity: Identity, connection: ChannelModel): void {
  const { cluster_name: cluster } = connection.connection.serverProperties as { cluster_name?: unknown }
  if (typeof cluster === 'string' && cluster !== '' && identity.cluster() === undefined) identity.learn({ cluster })
}
