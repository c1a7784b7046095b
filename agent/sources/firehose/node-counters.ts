import { UnavailableError } from '../../../runtime/errors.ts'
import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import { addedSince, type CounterSeries, seriesOf } from './counter-series.ts'
import type { TraceBindings } from './queue.ts'

/** Brokers before 3.13 count by channel only: what a channel did between the last look and its end is not known. */
const families = {
  byName: ['exchange_metrics', 'queue_delivery_metrics'],
  byChannel: ['channel_exchange_metrics', 'channel_queue_metrics'],
} as const
const timeoutMs = 5000
/** A look may take one part in so many of the time: it lists every exchange and queue of the vhost. */
const thrift = 50

/**
 * What happened on the node beside us, by its own counters: those of rabbitmq_prometheus, which tell of one node, of each
 * exchange and queue, at once. One for each vhost: `added` tells what came since it was last asked.
 */
export function createNodeCounters(account: ManagementAccount, vhost: string, bindings: TraceBindings) {
  let origin: string | undefined
  let kind: keyof typeof families = 'byName'
  let before: CounterSeries | undefined
  let notBeforeMs = 0

  const read = async (signal: AbortSignal): Promise<CounterSeries> => {
    origin ??= await metricsOrigin(account, signal)
    const query = families[kind].map((family) => `family=${family}`).join('&')
    const text = await getText(`${origin}/metrics/detailed?${query}&vhost=${encodeURIComponent(vhost)}`, signal)
    if (kind === 'byName' && !text.includes('rabbitmq_detailed_exchange_messages_published_total')) {
      kind = 'byChannel'
      return await read(signal)
    }
    return seriesOf(text, vhost, bindings)
  }

  return {
    /** Publishes and deliveries since the last answer; undefined at the first, and where it is too early to ask. Throws where nothing answers. */
    async added(nowMs: number, signal: AbortSignal): Promise<number | undefined> {
      if (nowMs < notBeforeMs) return undefined
      const startedMs = performance.now()
      const after = await read(signal)
      notBeforeMs = nowMs + thrift * (performance.now() - startedMs)
      const sum = before && addedSince(before, after)
      before = after
      return sum
    },
  }
}

/** Where the node beside us serves its metrics. Throws where it does not, or only over TLS. */
async function metricsOrigin(account: ManagementAccount, signal: AbortSignal): Promise<string> {
  const { node, listeners } = await askManagement(account, '/overview?columns=node,listeners', signal)
  const found = (Array.isArray(listeners) ? (listeners as Array<Record<string, unknown>>) : []).find(
    (listener) => listener['node'] === node && listener['protocol'] === 'http/prometheus',
  )
  if (typeof found?.['port'] !== 'number')
    throw new UnavailableError('metrics of the node', new Error('rabbitmq_prometheus is not enabled'))
  return `http://${new URL(account.url).hostname}:${found['port']}`
}

async function getText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
  if (!response.ok) throw new UnavailableError('metrics of the node', new Error(`${response.status} to GET ${url}`))
  return await response.text()
}
