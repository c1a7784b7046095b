import type { Started } from '../../runtime/shutdown.ts'
import type { StorageDeps } from '../open-storage.ts'
import type { Storage } from '../storage.ts'
import { createClient, type ElasticsearchOptions } from './client.ts'
import { createSearch } from './search.ts'
import { createStore } from './store.ts'

const retentionIntervalMs = 3_600_000

/** Events in daily indices of Elasticsearch 8 or 9. Starts without the server: connecting is each request's own affair. */
export function createElasticsearchStorage(
  options: ElasticsearchOptions,
  { log: parent, now }: StorageDeps,
): Promise<Started<Storage>> {
  const log = parent.child({ component: 'storage.elasticsearch' })
  const { indexPrefix: prefix, retentionMs } = options
  const client = createClient(options)
  const stopping = new AbortController()
  const store = createStore({ client, prefix, retentionMs, log, now })
  let timer: NodeJS.Timeout | undefined
  const retain = () => {
    store.retain(stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) log.warn({ err: error }, 'old indices not removed')
    })
  }
  const value: Storage = {
    kind: 'elasticsearch',
    search: createSearch(client, prefix),
    store: {
      ...store,
      // Who sets up is who writes; readers remove nothing.
      async setup(signal) {
        await store.setup(signal)
        timer ??= setInterval(retain, retentionIntervalMs)
        retain()
      },
    },
  }
  const stop = async () => {
    clearInterval(timer)
    stopping.abort(new Error('storage is stopping'))
    await client.close()
  }
  return Promise.resolve({ value, stop })
}
