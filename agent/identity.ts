import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { readJsonFile, writeDurably } from '../runtime/durable-file.ts'
import { version } from '../runtime/version.ts'
import type { Identity } from './source.ts'

const kept = z.object({
  agentId: z.string().min(8),
  keyNode: z.string().optional(),
  node: z.string().optional(),
  cluster: z.string().optional(),
})

/**
 * Who this agent is. The id is random, made once and kept in `dataDir`: losing it re-sends logs under new ids. The node
 * is configured, or learned once and kept; until it is known the record key carries the agent's id, and then for good,
 * since a key that changed would move a file to another partition and lose its order.
 */
export function openIdentity(options: {
  dataDir: string
  node?: string | undefined
  cluster?: string | undefined
}): Identity {
  const file = join(options.dataDir, 'agent.json')
  const found = kept.safeParse(readJsonFile(file))
  const state: z.output<typeof kept> = found.success ? found.data : { agentId: randomBytes(9).toString('base64url') }
  const save = () => writeDurably(file, `${JSON.stringify(state)}\n`)
  if (!found.success) save()
  return {
    agentId: state.agentId,
    agentVersion: version,
    hostName: hostname(),
    keyNode() {
      if (state.keyNode === undefined) {
        state.keyNode = options.node ?? state.node ?? state.agentId
        save()
      }
      return state.keyNode
    },
    node: () => options.node ?? state.node,
    cluster: () => options.cluster ?? state.cluster,
    learn({ node, cluster }) {
      const isNew =
        (node !== undefined && state.node === undefined) || (cluster !== undefined && cluster !== state.cluster)
      if (!isNew) return
      if (node !== undefined) state.node ??= node
      if (cluster !== undefined) state.cluster = cluster
      save()
    },
  }
}
