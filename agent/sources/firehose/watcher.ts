import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import type { Identity } from '../../source.ts'

export interface BrokerView {
  readonly memory?: number
  readonly isAlarmed?: boolean
  readonly uptimeMs?: number
}

export interface VhostView {
  readonly isTracing: boolean
  /** Of the whole cluster, Thump's own queues among them. */
  readonly published: number
  readonly delivered: number
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
    /** Of the node that answers. */
    async version(signal: AbortSignal): Promise<unknown> {
      const { rabbitmq_version: version } = await askManagement(account, '/overview?columns=rabbitmq_version', signal)
      return version
    },
    /** The node whose traces are ours, where there are others; undefined on a broker of one node. */
    async onlyNode(signal: AbortSignal): Promise<string | undefined> {
      const nodes: unknown = await askManagement(account, '/nodes?columns=name', signal)
      return Array.isArray(nodes) && nodes.length < 2 ? undefined : await node(signal)
    },
    /**
     * All vhosts that the user may see, by name. The list and not each one: to ask for one takes more than monitoring,
     * and a refusal is a line in the broker's log each time.
     */
    async vhosts(signal: AbortSignal): Promise<ReadonlyMap<string, VhostView>> {
      const columns = 'name,tracing,message_stats.publish,message_stats.deliver_get'
      const listed: unknown = await askManagement(account, `/vhosts?columns=${columns}`, signal)
      const views = new Map<string, VhostView>()
      for (const vhost of Array.isArray(listed) ? (listed as Table[]) : []) {
        const { name, tracing } = vhost
        if (typeof name !== 'string') continue
        const [published, delivered] = [numberIn(vhost, 'publish'), numberIn(vhost, 'deliver_get')]
        views.set(name, { isTracing: tracing === true, published, delivered })
      }
      return views
    },
  }
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
