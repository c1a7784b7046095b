import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { thump } from '../../servers/run-thump.ts'
import { shared } from '../../servers/shared.ts'
import { beside, freshPrefix } from '../storage/elasticsearch-harness.ts'

const run = (prefix: string, nodes: readonly string[], ...args: string[]) => {
  const config = stringify({ storage: { elasticsearch: { nodes, indexPrefix: prefix } } })
  return thump(['setup', 'elasticsearch', ...args], { config })
}

test('setup elasticsearch --dry-run prints every request, and needs no server', async () => {
  const { code, stdout, stderr } = await run('mine', ['http://127.0.0.1:1'], '--dry-run')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const requests = stdout.match(/^(?:PUT|POST) \S+/gm)
  expect(requests).toEqual([
    'PUT /_component_template/mine-mappings',
    ...['app', 'amqp', 'metric', 'self'].map((slug) => `PUT /_index_template/mine-${slug}`),
    'PUT /_security/role/mine-writer',
    'PUT /_security/role/mine-reader',
    'POST /_security/api_key',
    'POST /_security/api_key',
  ])
})

test('setup elasticsearch a second time changes nothing', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { url } = shared().elasticsearch
  const state = async () => [
    await client.indices.getIndexTemplate({ name: `${prefix}-*` }),
    await client.cluster.getComponentTemplate({ name: `${prefix}*` }),
  ]
  const first = await run(prefix, [url])
  const before = await state()
  const second = await run(prefix, [url])
  expect([first.code, second.code]).toEqual([0, 0])
  expect(second.stdout).toBe(first.stdout)
  expect(before[0]).toMatchObject({ index_templates: { length: 4 } })
  expect(await state()).toEqual(before)
})

test.each([
  ['http://127.0.0.1:1', /^thump: Elasticsearch is unavailable: connect ECONNREFUSED/],
  ['plain', /^thump: Elasticsearch is unavailable: no TLS is spoken there: http:\/\/ in place of https:\/\/\?$/],
])('setup elasticsearch says in a line why it cannot (%s)', async (node, why) => {
  const plain = shared().elasticsearch.url.replace('http:', 'https:')
  const { code, stderr } = await run('mine', [node === 'plain' ? plain : node])
  expect(code).toBe(1)
  expect(stderr.trim()).toMatch(why)
})
