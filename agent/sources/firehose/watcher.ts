import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import type { Identity } from '../../source.ts'
import type { TraceBindings } from './queue.ts'

export interface BrokerView {
  readonly memory?: number
  readonly isAlarmed?: boolean
  readonly uptimeMs?: number
}

export interface VhostView {
  readonly isTracing: boolean
  /** The vhost's own counters for the bound exchanges and queues; undefined where patterns cannot be counted. */
  readonly counters?: { readonly published: number; readonly delivered: number }
}

type Table = Readonly<Record<string, unknown>>

/** What the firehose asks of the node beside us: a few requests of milliseconds. All throw where the API is away. */
export function createWatcher(account: ManagementAccount, identity: Identity) {
  const node = async (signal: AbortSignal): Promise<string> => {
    const known = identity.node()
    if (known !== undefined) return known
    const { node: found } = await askManagement(account, '/overview?columns=node', signal)
    if (typeof found !== 'string') throw new Error('the management API names no node')
    identity.learn({ node: found })
    return found
  }
  return {
    async broker(signal: AbortSignal): Promise<BrokerView> {
      const columns = 'mem_used,mem_limit,mem_alarm,disk_free_alarm,uptime'
      const path = `/nodes/${encodeURIComponent(await node(signal))}?columns=${columns}`
      return brokerView(await askManagement(account, path, signal))
    },
    /** The node whose traces are ours, where there are others; undefined on a broker of one node. */
    async onlyNode(signal: AbortSignal): Promise<string | undefined> {
      const nodes: unknown = await askManagement(account, '/nodes?columns=name', signal)
      return Array.isArray(nodes) && nodes.length < 2 ? undefined : await node(signal)
    },
    async vhost(vhost: string, bindings: TraceBindings, signal: AbortSignal): Promise<VhostView> {
      const answer = await askManagement(account, `/vhosts/${encodeURIComponent(vhost)}`, signal)
      const isTracing = answer['tracing'] === true
      const published = await countOf(bindings.publish, numberIn(answer, 'publish'), (name) =>
        statOf(`/exchanges/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`, 'publish_in', signal),
      )
      const delivered = await countOf(bindings.deliver, numberIn(answer, 'deliver_get'), (name) =>
        statOf(`/queues/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`, 'deliver_get', signal),
      )
      if (published === undefined || delivered === undefined) return { isTracing }
      return { isTracing, counters: { published, delivered } }
    },
  }

  async function statOf(path: string, name: string, signal: AbortSignal): Promise<number> {
    // An exchange or queue that is not there yet has counted nothing.
    const answer = await askManagement(account, path, signal).catch(() => ({}))
    return numberIn(answer, name)
  }
}

/** As many names as are asked for one by one. */
const maxNames = 20

async function countOf(
  patterns: readonly string[],
  all: number,
  one: (name: string) => Promise<number>,
): Promise<number | undefined> {
  if (patterns.includes('#')) return all
  if (patterns.length > maxNames || patterns.some((pattern) => /[*#]/.test(pattern))) return undefined
  let sum = 0
  for (const name of patterns) sum += await one(name)
  return sum
}

function numberIn(answer: Table, name: string): number {
  const value = (answer['message_stats'] as Table | undefined)?.[name]
  return typeof value === 'number' ? value : 0
}

function brokerView(answer: Table): BrokerView {
  const { mem_used: used, mem_limit: limit, uptime } = answer
  return {
    ...(typeof used === 'number' && typeof limit === 'number' && limit > 0 && { memory: used / limit }),
    isAlarmed: answer['mem_alarm'] === true || answer['disk_free_alarm'] === true,
    ...(typeof uptime === 'number' && { uptimeMs: uptime }),
  }
}
