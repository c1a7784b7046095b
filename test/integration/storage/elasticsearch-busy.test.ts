import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventStore, Outcome } from '../../../storage/storage.ts'
import { type Elasticsearch, startElasticsearch } from '../../servers/elasticsearch.ts'
import { describeStorage, itemOf, query } from './conformance.ts'
import { freshPrefix, never, open } from './elasticsearch-harness.ts'

/** So small a queue that the server refuses whatever comes at once. */
const small = ['node.processors: 1', 'thread_pool.write.queue_size: 1']
let server: Elasticsearch
let stop: () => Promise<void>
let admin: Client

beforeAll(async () => {
  ;({ value: server, stop } = await startElasticsearch({ version: '9.2.4', extra: small }))
  admin = new Client({ node: server.url })
}, 180_000)
afterAll(async () => {
  await admin.close()
  await stop()
})

/** As the forwarder does it: what is to be tried again is, alone. */
function persistent(store: EventStore, retried: (reason: string) => void = () => {}): EventStore {
  return {
    ...store,
    async write(items, signal) {
      const settled = new Map<number, Outcome>()
      while (settled.size < items.length) {
        const open = [...items.keys()].filter((index) => !settled.has(index))
        const outcomes = await store.write(
          open.flatMap((index) => items[index] ?? []),
          signal,
        )
        for (const [place, outcome] of outcomes.entries()) {
          if (outcome.kind === 'retry') retried(outcome.reason)
          else settled.set(open[place] ?? -1, outcome)
        }
      }
      return [...items.keys()].flatMap((index) => settled.get(index) ?? [])
    },
  }
}

describeStorage('elasticsearch 9.2, with a queue of one,', async () => {
  const prefix = freshPrefix()
  const { value, stop: close } = await open(prefix, { nodes: [server.url] })
  return {
    storage: { ...value, store: persistent(value.store) },
    refresh: async () => void (await admin.indices.refresh({ index: `${prefix}-*` })),
    close,
  }
})

const day = Date.parse('2026-11-22T12:00:00Z')
const dayMs = 86_400_000

test('a storm of refusals ends with every event stored once', async () => {
  const own = freshPrefix()
  const { value, stop: close } = await open(own, { nodes: [server.url] })
  await value.store.setup(never)
  const reasons = new Set<string>()
  const store = persistent(value.store, (reason) => reasons.add(reason))
  // Each day is a shard, each shard's part of a bulk a task of its own.
  const bulks = Array.from({ length: 12 }, (_, bulk) =>
    Array.from({ length: 30 }, (_, index) => itemOf(`${bulk}-${index}`, day - (index % 6) * dayMs)),
  )
  const outcomes = (await Promise.all(bulks.map((items) => store.write(items, never)))).flat()
  expect([...reasons]).toEqual(['es_rejected_execution_exception'])
  expect(outcomes).toEqual(outcomes.map(() => ({ kind: 'stored', isDuplicate: false })))
  await admin.indices.refresh({ index: `${own}-*` })
  expect(await value.search.count(query(''), {}, never)).toBe(360)
  await close()
})
