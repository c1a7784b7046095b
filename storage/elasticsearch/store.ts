import { type Client, errors } from '@elastic/elasticsearch'
import type { Clock } from '../../runtime/clock.ts'
import { UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { EventStore, Outcome, StoreItem } from '../storage.ts'
import { bulkBody } from './bulk-body.ts'
import { dayOfIndex, indexName, indexPattern } from './index-name.ts'
import { type BulkItem, toOutcome } from './outcome.ts'
import { templates } from './templates.ts'

export interface StoreDeps {
  readonly client: Client
  readonly prefix: string
  readonly retentionMs: number
  readonly log: Logger
  readonly now: Clock
}

export interface ElasticsearchStore extends EventStore {
  /** Removes the indices of days beyond the retention. */
  retain(signal: AbortSignal): Promise<void>
}

/** Writes with `create`, the event's id and its own day: writing anything again is harmless. */
export function createStore({ client, prefix, retentionMs, log, now }: StoreDeps): ElasticsearchStore {
  let isConnected = false
  const ask = async <T>(work: Promise<T>): Promise<T> => {
    try {
      const answer = await work
      isConnected = true
      return answer
    } catch (cause) {
      isConnected = cause instanceof errors.ResponseError && cause.statusCode === 413
      throw cause
    }
  }
  const write = async (items: readonly StoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    const nowMs = now()
    const body = bulkBody(items, ({ topic, atMs }) => indexName(prefix, topic, atMs, nowMs))
    try {
      const answer = await ask(
        client.transport.request<{ items: ReadonlyArray<{ create: BulkItem }> }>(
          {
            method: 'POST',
            path: '/_bulk',
            querystring: { filter_path: 'items.create.status,items.create.error' },
            bulkBody: body,
          },
          { signal },
        ),
      )
      return answer.items.map(({ create }) => toOutcome(create))
    } catch (cause) {
      if (signal.aborted) throw cause
      const isTooLarge = cause instanceof errors.ResponseError && cause.statusCode === 413
      if (!isTooLarge) throw new UnavailableError('Elasticsearch', cause)
      if (items.length === 1) return [{ kind: 'reject', reason: 'too-large', error: `${body.length} bytes` }]
      const half = Math.ceil(items.length / 2)
      return [...(await write(items.slice(0, half), signal)), ...(await write(items.slice(half), signal))]
    }
  }
  return {
    write: (items, signal) => (items.length === 0 ? Promise.resolve([]) : write(items, signal)),
    isConnected: () => isConnected,
    async setup(signal) {
      try {
        await ask(putTemplates(client, prefix, signal))
      } catch (cause) {
        throw signal.aborted ? cause : new UnavailableError('Elasticsearch', cause)
      }
    },
    async retain(signal) {
      const found = await ask(
        client.indices.get({ index: indexPattern(prefix), allow_no_indices: true, features: 'aliases' }, { signal }),
      )
      const limit = now() - retentionMs - 86_400_000
      const old = Object.keys(found).filter((index) => (dayOfIndex(prefix, index) ?? Number.POSITIVE_INFINITY) < limit)
      for (const index of old) {
        await ask(client.indices.delete({ index, ignore_unavailable: true }, { signal }))
        log.info({ index }, 'index beyond retention removed')
      }
    },
  }
}

/** Falls back to `text` where the server has no `match_only_text`. */
async function putTemplates(client: Client, prefix: string, signal: AbortSignal): Promise<void> {
  const put = async (text: 'match_only_text' | 'text') => {
    for (const { path, body } of templates(prefix, text))
      await client.transport.request({ method: 'PUT', path, body }, { signal })
  }
  try {
    await put('match_only_text')
  } catch (error) {
    if (!(error instanceof errors.ResponseError) || !JSON.stringify(error.body).includes('match_only_text')) throw error
    await put('text')
  }
}
