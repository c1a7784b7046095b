import { Client } from '@elastic/elasticsearch'
import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { UnavailableError } from '../../../runtime/errors.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createElasticsearchStorage } from '../../../storage/elasticsearch/elasticsearch-storage.ts'
import { shared } from '../../servers/shared.ts'
import { describeStorage, itemOf, query } from './conformance.ts'

const never = new AbortController().signal
const far = 100 * 365 * 86_400_000

function open(prefix: string, extra: { nodes?: string[]; retentionMs?: number; now?: () => number } = {}) {
  const { config } = loadConfig({ base: {} })
  const { nodes = [shared().elasticsearch.url], retentionMs = far, now = systemClock } = extra
  return createElasticsearchStorage(
    { ...config.storage.elasticsearch, nodes, indexPrefix: prefix, retentionMs },
    { log: silentLogger, metrics: createMetrics(), now },
  )
}

const freshPrefix = () => `test-${randomUUID().slice(0, 8)}`

async function cleanUp(client: Client, prefix: string): Promise<void> {
  const indices = Object.keys(await client.indices.get({ index: `${prefix}-*`, allow_no_indices: true }))
  for (const index of indices) await client.indices.delete({ index })
  await client.indices.deleteIndexTemplate({ name: `${prefix}-*` })
  await client.cluster.deleteComponentTemplate({ name: `${prefix}-mappings` })
  await client.close()
}

/** A client of our own beside the storage's, for a look at what is really there. */
function beside(prefix: string): Client {
  const client = new Client({ node: shared().elasticsearch.url })
  onTestFinished(() => cleanUp(client, prefix), 30_000)
  return client
}

describeStorage('elasticsearch', async () => {
  const prefix = freshPrefix()
  const { value, stop } = await open(prefix)
  const client = new Client({ node: shared().elasticsearch.url })
  return {
    storage: value,
    refresh: async () => void (await client.indices.refresh({ index: `${prefix}-*` })),
    async close() {
      await stop()
      await cleanUp(client, prefix)
    },
  }
})

const day = Date.parse('2026-11-22T12:00:00Z')

test('an event lands in the index of its own UTC day, below the alias of its topic', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { value, stop } = await open(prefix)
  await value.store.setup(never)
  await value.store.write(
    [itemOf('late', Date.parse('2026-11-21T23:59:59.999Z')), itemOf('early', Date.parse('2026-11-22T00:00:00.000Z'))],
    never,
  )
  const indices = Object.keys(await client.indices.getAlias({ name: `${prefix}-app` }))
  expect(indices.toSorted()).toEqual([`${prefix}-app-2026.11.21`, `${prefix}-app-2026.11.22`])
  await stop()
})

test('dates that cannot be true share one index', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { value, stop } = await open(prefix)
  await value.store.setup(never)
  await value.store.write([itemOf('ancient', 0), itemOf('future', Date.parse('2999-01-01T00:00:00Z'))], never)
  expect(Object.keys(await client.indices.getAlias({ name: `${prefix}-app` }))).toEqual([`${prefix}-app-undated`])
  await stop()
})

test('two writers over a replay that crosses midnight store every id once', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const midnight = Date.parse('2026-11-22T00:00:00Z')
  const items = Array.from({ length: 400 }, (_, index) => itemOf(`id-${index}`, midnight - 200 + index))
  const writers = await Promise.all([open(prefix), open(prefix)])
  await writers[0]?.value.store.setup(never)
  const outcomes = await Promise.all(writers.map(({ value }) => value.store.write(items, never)))
  const fresh = outcomes.flat().filter((outcome) => outcome.kind === 'stored' && !outcome.isDuplicate)
  expect(fresh).toHaveLength(400)
  expect(outcomes.flat().every(({ kind }) => kind === 'stored')).toBe(true)
  await Promise.all(writers.map(({ stop }) => stop()))
})

test('what does not fit the mapping is rejected alone, with the reason', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const { value, stop } = await open(prefix)
  await value.store.setup(never)
  const wrong = itemOf('wrong', day, { user: 'not an object' as never })
  const outcomes = await value.store.write([itemOf('good', day), wrong, itemOf('better', day)], never)
  expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'reject', 'stored'])
  expect(outcomes[1]).toMatchObject({ reason: 'document_parsing_exception', error: expect.stringContaining('user') })
  await stop()
})

test('a server that is away is told as such, and the same write succeeds later', async () => {
  const prefix = freshPrefix()
  const { value, stop } = await open(prefix, { nodes: ['http://127.0.0.1:1'] })
  await expect(value.store.write([itemOf('one', day)], never)).rejects.toBeInstanceOf(UnavailableError)
  await expect(value.store.setup(never)).rejects.toBeInstanceOf(UnavailableError)
  expect(value.store.isConnected()).toBe(false)
  await stop()
})

test('setting up twice changes nothing', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { value, stop } = await open(prefix)
  await value.store.setup(never)
  const before = await client.indices.getIndexTemplate({ name: `${prefix}-*` })
  await value.store.setup(never)
  expect(await client.indices.getIndexTemplate({ name: `${prefix}-*` })).toEqual(before)
  await stop()
})

test('days beyond the retention go, the others stay', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const first = await open(prefix)
  await first.value.store.setup(never)
  await first.value.store.write([itemOf('old', day - 40 * 86_400_000), itemOf('new', day)], never)
  await first.stop()
  const second = await open(prefix, { retentionMs: 30 * 86_400_000, now: () => day })
  await second.value.store.setup(never)
  await expect
    .poll(async () => Object.keys(await client.indices.get({ index: `${prefix}-*` })), { timeout: 10_000 })
    .toEqual([`${prefix}-app-2026.11.22`])
  expect(await second.value.search.count(query(''), {}, never)).toBeLessThanOrEqual(1)
  await second.stop()
})
