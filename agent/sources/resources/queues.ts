import { streamKey } from '../../../event/encode.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import type { Emit, Identity } from '../../source.ts'
import { createChooser } from './changed.ts'
import { queueKey, readManagement, readPrometheus } from './queue-readings.ts'
import { createQueueTypes } from './queue-types.ts'
import { clusterEvent, queueEvent } from './sampled-event.ts'

export interface QueuesDeps {
  readonly account: ManagementAccount
  readonly prometheusUrl: string
  readonly which: 'changed' | 'all' | 'off'
  /** Does this agent do what one of the cluster's does: the holder of the event queue? */
  readonly isElected: () => boolean
  readonly identity: Identity
  readonly emit: Emit
  readonly now: Clock
}

/** Each queue at least so often, and its memory, which costs more to ask. */
const wholeEveryMs = 5 * 60_000
/** The management API costs the broker ten times as much as its Prometheus endpoint. */
const managementEveryMs = 60_000
const batchSize = 500

/**
 * Reads queues, and the cluster's totals where this agent is the elected one. Each node tells of its own queues, so that a
 * cluster's agents share the work; without the Prometheus plugin the elected one asks the management API for all.
 */
export function createQueueReader(deps: QueuesDeps): (signal: AbortSignal) => Promise<void> {
  const { account, prometheusUrl, which, isElected, identity, emit, now } = deps
  const chooser = createChooser(which === 'all' ? 'all' : 'changed', wholeEveryMs)
  const key = () => streamKey(identity.keyNode(), 'resources')
  let wholeMs = Number.NEGATIVE_INFINITY
  const typesOf = createQueueTypes(account, now)
  const readManagementNow = atMostEvery(managementEveryMs, now)
  const readQueues = async (signal: AbortSignal): Promise<void> => {
    const isWhole = now() - wholeMs >= wholeEveryMs
    const readings = await readPrometheus(prometheusUrl, isWhole, signal).catch((error: unknown) => {
      if (signal.aborted) throw error
      return isElected() && readManagementNow() ? readManagement(account, signal) : undefined
    })
    if (!readings) return
    if (isWhole) wholeMs = now()
    const atMs = now()
    const types = await typesOf(readings, signal)
    const events = chooser.choose(readings, atMs).map((news) => {
      const { vhost, queue } = news.reading
      return queueEvent(news, types.get(queueKey(vhost, queue)), identity, atMs)
    })
    for (let from = 0; from < events.length; from += batchSize) {
      const batch = events.slice(from, from + batchSize)
      await emit.events(
        batch.map((event) => ({ topic: 'METRIC', key: key(), event })),
        signal,
      )
    }
  }
  return async (signal) => {
    if (isElected()) {
      const answer = await askManagement(account, '/overview', signal)
      await emit.events([{ topic: 'METRIC', key: key(), event: clusterEvent(answer, identity, now()) }], signal)
    }
    if (which !== 'off') await readQueues(signal)
  }
}

function atMostEvery(everyMs: number, now: Clock): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    if (now() - lastMs < everyMs) return false
    lastMs = now()
    return true
  }
}
