import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { UnavailableError } from '../../../runtime/errors.ts'
import { startOpensearch } from '../../servers/opensearch.ts'
import { describeStorage, itemOf } from './conformance.ts'
import { freshPrefix, never, open } from './elasticsearch-harness.ts'

let url = ''
let stop: () => Promise<void>
beforeAll(async () => {
  const server = await startOpensearch()
  url = server.value.url
  stop = server.stop
}, 240_000)
afterAll(() => stop())

const distribution = 'opensearch'
const refresh = async (prefix: string) => void (await fetch(`${url}/${prefix}-*/_refresh`, { method: 'POST' }))

describeStorage('opensearch', async () => {
  const prefix = freshPrefix()
  const { value, stop: close } = await open(prefix, { nodes: [url], distribution })
  return { storage: value, refresh: () => refresh(prefix), close }
})

const day = Date.parse('2026-11-22T12:00:00Z')
const dayMs = 86_400_000

test('days beyond the retention go, and setting up again changes nothing', async () => {
  const prefix = freshPrefix()
  const first = await open(prefix, { nodes: [url], distribution })
  await first.value.store.setup(never)
  await first.value.store.write([itemOf('old', day - 40 * dayMs), itemOf('new', day)], never)
  await first.stop()
  const second = await open(prefix, { nodes: [url], distribution, retentionMs: 30 * dayMs, now: () => day })
  onTestFinished(second.stop)
  await second.value.store.setup(never)
  second.value.store.lookAfter?.()
  const indices = async () => (await (await fetch(`${url}/_cat/indices/${prefix}-*?h=index`)).text()).trim()
  await expect.poll(indices, { timeout: 20_000 }).toBe(`${prefix}-app-2026.11.22`)
})

test('who did not say that it is an OpenSearch is told what to say', async () => {
  const { value, stop: close } = await open(freshPrefix(), { nodes: [url] })
  onTestFinished(close)
  const error: unknown = await value.store.write([itemOf('one', day)], never).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(UnavailableError)
  expect(String(error)).toContain('storage.elasticsearch.distribution: opensearch')
})
