import type { Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import type { Storage } from '../storage.ts'
import { createClient, type ElasticsearchOptions } from './client.ts'
import { dialectOf } from './dialect.ts'
import { installTemplates } from './install-templates.ts'
import { createRequests, requestLimitMs } from './requests.ts'
import { deleteExpired } from './retention.ts'
import { createSearch } from './search.ts'
import { createWrite } from './write.ts'

const upkeepIntervalMs = 3_600_000

/**
 * Events in daily indices of Elasticsearch 8 or 9, or OpenSearch 2. Starts without the server: connecting is each request's own affair.
 * Throws ConfigError for TLS files that cannot be read.
 */
export async function createElasticsearchStorage(
  options: ElasticsearchOptions,
  { log: parent, metrics, now }: RuntimeDeps,
): Promise<Started<Storage>> {
  const log = parent.child({ component: 'storage.elasticsearch' })
  const { indexPrefix: prefix, retentionMs } = options
  if (options.tls?.insecure) log.warn('certificates of Elasticsearch are not verified: tls.insecure is set')
  const client = createClient(options)
  const dialect = dialectOf(options.distribution)
  const stopping = new AbortController()
  const requests = createRequests({
    client,
    metrics,
    stopping: stopping.signal,
    limitMs: options.requestLimitMs ?? requestLimitMs,
  })
  let failures = 0
  let upkeeping: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  const upkeep = () => {
    upkeeping = keepUp()
  }
  const keepUp = async () => {
    try {
      // Somebody may have removed a template: tomorrow's index must not come without its mapping.
      await installTemplates({ requests, prefix, dialect, log }, stopping.signal)
      const removed = await deleteExpired(requests, { prefix, retentionMs, nowMs: now() }, stopping.signal)
      if (removed.length > 0) log.info({ indices: removed }, 'indices beyond the retention removed')
      if (failures > 0) log.info({ failures }, 'templates and retention are looked after again')
      failures = 0
    } catch (error) {
      if (stopping.signal.aborted) return
      if (failures++ === 0) log.warn({ err: error }, 'templates and retention not looked after: tried again every hour')
    }
  }
  const value: Storage = {
    kind: 'elasticsearch',
    search: createSearch(requests, prefix, dialect),
    store: {
      write: createWrite(requests, prefix),
      isConnected: () => requests.problem() === undefined,
      problem: () => requests.problem(),
      setup: (signal) => installTemplates({ requests, prefix, dialect, log }, signal),
      lookAfter() {
        if (timer) return
        timer = setInterval(upkeep, upkeepIntervalMs)
        upkeep()
      },
    },
  }
  const stop = async () => {
    clearInterval(timer)
    stopping.abort(new Error('storage is stopping'))
    await upkeeping
    await client.close()
  }
  return { value, stop }
}
