import type { Emitted } from '../../../event/encode.ts'
import { backoffMs, sleep } from '../../../runtime/retry.ts'
import type { AmqpOptions } from '../../broker/connection.ts'
import type { Emit } from '../../source.ts'
import { diagnoseFirehose } from './diagnosis.ts'
import type { Lane } from './lane.ts'
import { runSession, type SessionDeps } from './session.ts'

type OfSession = 'amqp' | 'bindings' | 'identity' | 'now' | 'telemetry' | 'describeBody' | 'mayPass' | 'nextSequence'

export interface LaneDeps extends Pick<SessionDeps, OfSession | 'fillEveryMs'> {
  readonly emit: Emit
  readonly watcher: { onlyNode(signal: AbortSignal): Promise<string | undefined> } | undefined
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
  /** Resolves when the guard is open, or when stopping. */
  readonly untilOpen: () => Promise<void>
  /** Aborted when the guard stops everything; ask anew for each session. */
  readonly gate: () => AbortSignal
  readonly stopping: AbortSignal
  /** Later than `stopping`: what was read is given a moment to arrive. */
  readonly givingUp: AbortSignal
}

/** One vhost's sessions, one after the other, until stopping. Never throws. */
export async function runLane(deps: LaneDeps, lane: Lane): Promise<void> {
  const { stopping, telemetry, amqp } = deps
  const backoff = deps.backoff ?? { baseMs: 500, maxMs: 30_000 }
  for (let attempt = 0; !stopping.aborted; attempt++) {
    await untilHandedOn(lane)
    await deps.untilOpen()
    if (stopping.aborted) return
    const gate = deps.gate()
    const onConsuming = () => {
      attempt = -1
      lane.detail = undefined
      telemetry.consuming(lane.vhost)
    }
    try {
      await runSession(sessionDeps(deps, lane, onConsuming), AbortSignal.any([stopping, gate]))
    } catch (cause) {
      lane.detail = 'connecting'
      if (stopping.aborted || gate.aborted) continue
      const detail = diagnoseFirehose(cause, { user: userOf(amqp), vhost: lane.vhost })
      lane.detail = detail
      telemetry.failed(lane.vhost, cause, detail)
    }
    await sleep(backoffMs(backoff, Math.max(0, attempt), Math.random()), stopping).catch(() => {})
  }
}

function sessionDeps(deps: LaneDeps, lane: Lane, onConsuming: () => void): SessionDeps {
  const { vhost, tally } = lane
  return {
    ...deps,
    vhost,
    tally,
    handOn: (batch) => handOn(deps, lane, batch),
    onlyNode: (ends) => onlyNode(deps, lane, ends),
    onConsuming,
  }
}

/** A batch outlives its session: what was read is neither lost nor read twice, and nothing more is read before. */
function handOn({ emit, givingUp, telemetry }: LaneDeps, lane: Lane, batch: readonly Emitted[]): Promise<void> {
  const { tally } = lane
  const handedOn = emit.events(batch, givingUp).then(
    () => {
      tally.captured += batch.length
      for (const { event } of batch) if (event.rabbitmq?.channel !== 0) tally.capturedCounted++
    },
    (cause: unknown) => {
      if (!givingUp.aborted) throw cause
      tally.dropped += batch.length
      telemetry.dropped('stopping', batch.length)
    },
  )
  lane.handedOn = handedOn.catch(() => {})
  return handedOn
}

async function untilHandedOn(lane: Lane): Promise<void> {
  let isDone = false
  const done = lane.handedOn.then(() => (isDone = true))
  await Promise.race([done, new Promise((resolve) => void setImmediate(resolve))])
  if (!isDone) lane.detail = 'waiting for the transport to take what was read'
  await done
}

/** Without the API it is not known whether there are other nodes: then only our own is read, if it has a name. */
async function onlyNode({ identity, watcher }: LaneDeps, lane: Lane, signal: AbortSignal): Promise<string | undefined> {
  const found = watcher ? await watcher.onlyNode(signal).catch(() => identity.node()) : identity.node()
  lane.isClustered = found !== undefined
  return found
}

function userOf({ username, url }: AmqpOptions): string {
  return username ?? (decodeURIComponent(new URL(url[0] ?? 'amqp://guest@localhost').username) || 'guest')
}
