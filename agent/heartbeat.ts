import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { sleep } from '../runtime/retry.ts'
import type { Started } from '../runtime/shutdown.ts'
import { selfEvent } from './self-events.ts'
import type { Emit, Identity } from './source.ts'
import type { Json } from '../event/event.ts'

export interface HeartbeatDeps {
  readonly identity: Identity
  readonly emit: Emit
  readonly now: Clock
  readonly log: Logger
  readonly intervalMs: number
  /** What the sources add to each beat, e.g. the firehose's coverage. */
  readonly facts: () => Readonly<Record<string, Json>>
}

/** One `thump.agent` event a minute, so that silence of the agent can be told from silence of the broker. */
export function startHeartbeat({
  identity,
  emit,
  now,
  log,
  intervalMs,
  facts,
}: HeartbeatDeps): Started<{ lastBeatMs(): number }> {
  const stopping = new AbortController()
  let lastBeatMs = now()
  const beat = async () => {
    const event = selfEvent(identity, now(), { action: 'heartbeat', message: 'agent is alive', fields: facts() })
    await emit.events([event], stopping.signal)
    lastBeatMs = now()
  }
  const loop = async () => {
    while (!stopping.signal.aborted) {
      await beat()
      await sleep(intervalMs, stopping.signal)
    }
  }
  const running = loop().catch((error: unknown) => {
    if (!stopping.signal.aborted) log.error({ err: error }, 'heartbeat stopped')
  })
  return {
    value: { lastBeatMs: () => lastBeatMs },
    stop: async () => {
      stopping.abort(new Error('agent is stopping'))
      await running
    },
  }
}
