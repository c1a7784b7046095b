import { streamKey } from '../../../event/encode.ts'
import { uniqueEventId } from '../../../event/ids.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Secret } from '../../../runtime/config/secret.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import type { Emit, Identity, Source } from '../../source.ts'
import { nodeEvent } from './node-event.ts'

export interface ResourcesDeps {
  readonly resources: {
    readonly url: string
    readonly username?: string | undefined
    readonly password?: Secret | undefined
    /** Milliseconds between readings. */
    readonly interval: number
  }
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
}

/** Never more often, whatever is configured: the watched broker's safety comes first. */
const leastIntervalMs = 5000
const requestTimeoutMs = 5000

/** Reads the node's resources from its management API: one cheap request an interval. A missed reading is counted, not made up. */
export function createResourcesSource(deps: ResourcesDeps): Source {
  return {
    name: 'resources',
    start: () => {
      const { identity, emit, metrics, now } = deps
      const log = deps.log.child({ component: 'agent.resources' })
      const failed = metrics.counter(
        'thump_resource_readings_failed_total',
        'Readings of the management API that failed',
      )
      const stopping = new AbortController()
      let state: { ok: boolean; detail?: string } = { ok: false, detail: 'no reading yet' }
      const read = async () => {
        const node = identity.node() ?? (await nodeOf(deps, stopping.signal))
        const answer = await ask(deps, `/api/nodes/${encodeURIComponent(node)}`, stopping.signal)
        const event = nodeEvent(answer, { identity, id: uniqueEventId(), atMs: now() })
        await emit.events(
          [{ topic: 'METRIC', key: streamKey(identity.keyNode(), 'resources'), event }],
          stopping.signal,
        )
        if (!state.ok) log.info({ node }, 'reading resources')
        state = { ok: true }
      }
      const run = async () => {
        while (!stopping.signal.aborted) {
          await read().catch((err: unknown) => {
            if (stopping.signal.aborted) return
            failed.inc()
            const detail = err instanceof Error ? err.message : String(err)
            if (state.detail !== detail) log.warn({ err }, 'resources not readable')
            state = { ok: false, detail }
          })
          await sleep(Math.max(leastIntervalMs, deps.resources.interval), stopping.signal).catch(() => {})
        }
      }
      const running = run()
      const stop = async () => {
        stopping.abort(new Error('stopping'))
        await running
      }
      return Promise.resolve({ value: { ready: () => state }, stop })
    },
  }
}

/** The node that answers is the one we sit beside. */
async function nodeOf(deps: ResourcesDeps, signal: AbortSignal): Promise<string> {
  const { node } = await ask(deps, '/api/overview', signal)
  if (typeof node !== 'string') throw new Error('the management API names no node')
  deps.identity.learn({ node })
  return node
}

async function ask({ resources }: ResourcesDeps, path: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const { url, username = 'guest', password } = resources
  const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password?.reveal() ?? 'guest'}`).toString('base64')}`,
    },
    signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
  })
  if (!response.ok) {
    await response.body?.cancel()
    const hint = response.status === 401 ? `; run: rabbitmqctl set_user_tags '${username}' monitoring` : ''
    throw new Error(`the management API answered ${response.status} to ${path}${hint}`)
  }
  return (await response.json()) as Record<string, unknown>
}
