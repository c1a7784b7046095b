import { Client } from '@elastic/elasticsearch'
import { expect, test } from 'vitest'
import { UnavailableError } from '../../../runtime/errors.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { StoreItem } from '../../../storage/storage.ts'
import { shared } from '../../servers/shared.ts'
import { describeStorage, itemOf } from './conformance.ts'
import { beside, cleanUp, freshPrefix, idsOf, indicesOf, never, open, ready } from './elasticsearch-harness.ts'

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
const dayMs = 86_400_000

test('an event lands in the index of its own UTC day, below the alias of its topic', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store } = await ready(prefix)
  const moments = ['2026-11-21T23:59:59.999Z', '2026-11-22T00:00:00.000Z'].map(Date.parse)
  await store.write([itemOf('late', moments[0] ?? 0), itemOf('early', moments[1] ?? 0)], never)
  const indices = Object.keys(await client.indices.getAlias({ name: `${prefix}-app` }))
  expect(indices.toSorted()).toEqual([`${prefix}-app-2026.11.21`, `${prefix}-app-2026.11.22`])
})

test('dates that cannot be true share one index, whatever the clock says, and are found', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const items = [itemOf('ancient', 0), itemOf('future', Date.parse('2999-01-01T00:00:00Z'))]
  for (const now of [() => 0, () => day]) await (await ready(prefix, { now })).store.write(items, never)
  expect(Object.keys(await client.indices.getAlias({ name: `${prefix}-app` }))).toEqual([`${prefix}-app-undated`])
  await client.indices.refresh({ index: `${prefix}-*` })
  expect(await idsOf((await ready(prefix)).search, '')).toEqual(['ancient', 'future'])
})

test('two writers over a replay that crosses midnight store every id once', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const midnight = Date.parse('2026-11-22T00:00:00Z')
  const items = Array.from({ length: 400 }, (_, index) => itemOf(`id-${index}`, midnight - 200 + index))
  const writers = [await ready(prefix), await ready(prefix)]
  const outcomes = (await Promise.all(writers.map(({ store }) => store.write(items, never)))).flat()
  expect(outcomes.filter((outcome) => outcome.kind === 'stored' && !outcome.isDuplicate)).toHaveLength(400)
  expect(outcomes.every(({ kind }) => kind === 'stored')).toBe(true)
})

/** Bytes that another hand might have put into the topic: what our own parser lets pass, the server may not. */
const poison: Readonly<Record<string, Buffer>> = {
  'a word where an object belongs': Buffer.from('"user":"not an object"'),
  'a key twice': Buffer.from('"a":1,"a":2'),
  'far too deep': Buffer.from(`"x":${'['.repeat(1200)}${']'.repeat(1200)}`),
  'not UTF-8': Buffer.from([0x22, 0x78, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22]),
}

test('poison is rejected alone, each with its reason, and an id too long for the whole bulk costs only its event', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const { store } = await ready(prefix)
  const poisoned = Object.entries(poison).map(([id, extra]): StoreItem => {
    const plain = itemOf(id, day)
    return { ...plain, value: Buffer.concat([plain.value.subarray(0, -1), Buffer.from(','), extra, Buffer.from('}')]) }
  })
  const good = Array.from({ length: 9 }, (_, index) => itemOf(`good-${index}`, day))
  const outcomes = await store.write([...good, ...poisoned, itemOf('x'.repeat(513), day), ...good], never)
  expect(outcomes.map((outcome) => (outcome.kind === 'stored' ? outcome.isDuplicate : outcome.kind))).toEqual([
    ...good.map(() => false),
    ...poisoned.map(() => 'reject'),
    'reject',
    ...good.map(() => true),
  ])
  const reasons = outcomes.flatMap((outcome) => (outcome.kind === 'reject' ? [outcome.reason] : []))
  expect(reasons).toEqual([...poisoned.map(() => 'document_parsing_exception'), 'action_request_validation_exception'])
})

test('an event over several lines is one document, and stays what it says', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store, search } = await ready(prefix)
  const plain = itemOf('pretty', day, { message: 'first\nsecond' })
  const pretty = { ...plain, value: Buffer.from(JSON.stringify(plain.event, null, 2)) }
  expect(await store.write([pretty, itemOf('next', day + 1)], never)).toHaveLength(2)
  await client.indices.refresh({ index: `${prefix}-*` })
  expect(await idsOf(search, '')).toEqual(['pretty', 'next'])
})

test('a server that is away is told as such', async () => {
  const { value, stop } = await open(freshPrefix(), { nodes: ['http://127.0.0.1:1'] })
  await expect(value.store.write([itemOf('one', day)], never)).rejects.toBeInstanceOf(UnavailableError)
  await expect(value.store.setup(never)).rejects.toBeInstanceOf(UnavailableError)
  expect(value.store.isConnected()).toBe(false)
  await stop()
})

test('setting up twice changes nothing, and what is newer than ours stays', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  await ready(prefix)
  const before = await client.indices.getIndexTemplate({ name: `${prefix}-*` })
  expect(before.index_templates).toHaveLength(4)
  const newer = { name: `${prefix}-mappings`, version: 9999, template: { mappings: { dynamic: false } } }
  await client.cluster.putComponentTemplate(newer)
  await client.indices.deleteIndexTemplate({ name: `${prefix}-metric` })
  await ready(prefix)
  const [component] = (await client.cluster.getComponentTemplate({ name: newer.name })).component_templates
  expect(component?.component_template.version).toBe(9999)
  const after = await client.indices.getIndexTemplate({ name: `${prefix}-*` })
  const names = ({ index_templates: list }: typeof after) => list.map(({ name }) => name).toSorted()
  expect(names(after)).toEqual(names(before))
})

test('settings of one`s own go into the @custom component and stay', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const custom = { settings: { 'index.number_of_shards': 2 } }
  await client.cluster.putComponentTemplate({ name: `${prefix}@custom`, template: custom })
  const { store } = await ready(prefix)
  await store.write([itemOf('one', day)], never)
  const settings = await client.indices.getSettings({ index: `${prefix}-app-2026.11.22`, flat_settings: true })
  expect(Object.values(settings)[0]?.settings).toMatchObject({ 'index.number_of_shards': '2' })
})

test('days beyond the retention go; the others, the undated and another installation`s stay', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const first = await ready(prefix)
  const neighbour = await ready(`${prefix}-app`)
  const old = day - 40 * dayMs
  await first.store.write([itemOf('old', old), itemOf('new', day), itemOf('never', -1)], never)
  await neighbour.store.write([itemOf('old', old)], never)
  const third = await ready(prefix, { retentionMs: 30 * dayMs, now: () => day })
  third.store.lookAfter?.()
  await expect
    .poll(() => indicesOf(client, prefix), { timeout: 10_000 })
    .toEqual([`${prefix}-app-2026.11.22`, `${prefix}-app-app-2026.10.13`, `${prefix}-app-undated`])
})

test('to set up removes nothing, whatever the retention', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store } = await ready(prefix)
  await store.write([itemOf('old', day - 40 * dayMs)], never)
  const metrics = createMetrics()
  const { value, stop } = await open(prefix, { retentionMs: 30 * dayMs, now: () => day, metrics })
  await value.store.setup(never)
  // Whatever it had begun has ended with it.
  await stop()
  expect(await indicesOf(client, prefix)).toEqual([`${prefix}-app-2026.10.13`])
  expect(await metrics.registry.metrics()).not.toContain('request="retention"')
})

test('requests are timed by kind', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const metrics = createMetrics()
  const { store } = await ready(prefix, { metrics })
  await store.write([itemOf('one', day)], never)
  expect(await metrics.registry.metrics()).toContain('thump_elasticsearch_request_seconds_count{request="bulk"} 1')
})
