import type { Clock } from '../../../runtime/clock.ts'
import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import { queueKey, type QueueReadings } from './queue-readings.ts'

/** `classic`, `quorum` or `stream`, by `queueKey`. */
export type QueueTypes = ReadonlyMap<string, string>

/** The broker's list without its numbers is cheap, but names every queue of the cluster. */
const everyMs = 5 * 60_000
/** While there are queues that the last list had not. */
const soonestMs = 60_000

/** What kind each queue is, which the Prometheus endpoint does not say. What could not be asked is as it was. */
export function createQueueTypes(account: ManagementAccount, now: Clock) {
  let types: QueueTypes = new Map()
  let askedMs = Number.NEGATIVE_INFINITY
  return async (readings: QueueReadings, signal: AbortSignal): Promise<QueueTypes> => {
    const known = types
    const hasNew = [...readings.keys()].some((key) => !known.has(key))
    if (now() - askedMs < (hasNew ? soonestMs : everyMs)) return types
    askedMs = now()
    try {
      types = await readTypes(account, signal)
    } catch (error) {
      if (signal.aborted) throw error
    }
    return types
  }
}

async function readTypes(account: ManagementAccount, signal: AbortSignal): Promise<QueueTypes> {
  const rows: unknown = await askManagement(account, '/queues?disable_stats=true&columns=vhost,name,type', signal)
  const types = new Map<string, string>()
  for (const { vhost, name, type } of Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [])
    if (typeof vhost === 'string' && typeof name === 'string' && typeof type === 'string')
      types.set(queueKey(vhost, name), type)
  return types
}
