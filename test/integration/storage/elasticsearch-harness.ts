import { Client } from '@elastic/elasticsearch'
import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { type Logger, silentLogger } from '../../../runtime/log.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import type { ElasticsearchOptions } from '../../../storage/elasticsearch/client.ts'
import { createElasticsearchStorage } from '../../../storage/elasticsearch/elasticsearch-storage.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { shared } from '../../servers/shared.ts'
import { query } from './conformance.ts'

export const never = new AbortController().signal
const far = 100 * 365 * 86_400_000

interface Extra extends Partial<ElasticsearchOptions> {
  readonly now?: () => number
  readonly log?: Logger
  readonly metrics?: Metrics
}

/** A storage on the shared server where `extra` names no other. */
export function open(prefix: string, extra: Extra = {}) {
  const { now = systemClock, log = silentLogger, metrics = createMetrics(), ...options } = extra
  const { elasticsearch } = loadConfig({ base: {} }).config.storage
  return createElasticsearchStorage(
    { ...elasticsearch, nodes: [shared().elasticsearch.url], retentionMs: far, ...options, indexPrefix: prefix },
    { log, metrics, now },
  )
}

/** The same, set up, and stopped at the end of the test. */
export async function ready(prefix: string, extra: Extra = {}) {
  const { value, stop } = await open(prefix, extra)
  onTestFinished(stop, 30_000)
  await value.store.setup(never)
  return value
}

export const freshPrefix = () => `test-${randomUUID().slice(0, 8)}`

/** Removes all that a prefix has made, and closes the client. */
export async function cleanUp(client: Client, prefix: string): Promise<void> {
  const indices = Object.keys(await client.indices.get({ index: `${prefix}-*`, allow_no_indices: true }))
  for (const index of indices) await client.indices.delete({ index })
  await client.indices.deleteIndexTemplate({ name: `${prefix}-*` }, { ignore: [404] })
  await client.cluster.deleteComponentTemplate({ name: `${prefix}*` }, { ignore: [404] })
  await client.close()
}

/** A client of our own beside the storage's, for a look at what is really there; tidies up at the end. */
export function beside(prefix: string): Client {
  const client = new Client({ node: shared().elasticsearch.url })
  onTestFinished(() => cleanUp(client, prefix), 30_000)
  return client
}

export async function indicesOf(client: Client, prefix: string): Promise<string[]> {
  return Object.keys(await client.indices.get({ index: `${prefix}-*`, allow_no_indices: true })).toSorted()
}

/** The ids that a query finds, oldest first. */
export async function idsOf(search: EventSearch, text: string, limit = 100): Promise<string[]> {
  const page = await search.search({ query: query(text), sort: 'asc', limit }, never)
  return page.events.map(({ event }) => event.id)
}
