import { streamKey } from '../../../event/encode.ts'
import { uniqueEventId } from '../../../event/ids.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Secret } from '../../../runtime/config/secret.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import { askManagement, type ManagementAccount, RefusedLogin } from '../../broker/management.ts'
import type { Emit, Identity, Source } from '../../source.ts'
import { createCertificateReader } from './certificates.ts'
import { nodeEvent } from './node-event.ts'
import { createQueueReader } from './queues.ts'

export interface ResourcesDeps {
  readonly resources: {
    readonly url: string
    readonly username?: string | undefined
    readonly password?: Secret | undefined
    /** Milliseconds between readings. */
    readonly interval: number
    readonly prometheusUrl: string
    readonly queues: 'changed' | 'all' | 'off'
  }
  /** Does this agent do what one of the cluster's does? */
  readonly isElected: () => boolean
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
}

/** Never more often, whatever is configured: the watched broker's safety comes first. */
const leastIntervalMs = 5000

/** Reads the node's resources, its queues, its certificates' ends and, where elected, the cluster's totals. A missed reading is counted, not made up. */
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
      const { url, username = 'guest', password, prometheusUrl, queues } = deps.resources
      const account = { url, username, password }
      const readQueues = createQueueReader({ ...deps, account, prometheusUrl, which: queues })
      const readCertificates = createCertificateReader({ ...deps, account, log })
      const read = async () => {
        const node = identity.node() ?? (await nodeOf(account, identity, stopping.signal))
        const answer = await ask(account, `/nodes/${encodeURIComponent(node)}`, stopping.signal)
        const event = nodeEvent(answer, { identity, id: uniqueEventId(), atMs: now() })
        await emit.events(
          [{ topic: 'METRIC', key: streamKey(identity.keyNode(), 'resources'), event }],
          stopping.signal,
        )
        await readQueues(stopping.signal)
        await readCertificates(stopping.signal)
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
async function nodeOf(account: ManagementAccount, identity: Identity, signal: AbortSignal): Promise<string> {
  const { node } = await ask(account, '/overview', signal)
  if (typeof node !== 'string') throw new Error('the management API names no node')
  identity.learn({ node })
  return node
}

async function ask(account: ManagementAccount, path: string, signal: AbortSignal) {
  try {
    return await askManagement(account, path, signal)
  } catch (error) {
    const refused = error instanceof Error ? error.cause : undefined
    if (!(refused instanceof RefusedLogin)) throw error
    throw new Error(`the management API refused the login: ${refused.message}; run: ${refused.fix}`, { cause: error })
  }
}
