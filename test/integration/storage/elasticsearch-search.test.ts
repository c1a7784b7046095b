import { Client } from '@elastic/elasticsearch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { RejectedError } from '../../../runtime/errors.ts'
import type { Storage } from '../../../storage/storage.ts'
import { shared } from '../../servers/shared.ts'
import { itemOf, query } from './conformance.ts'
import { beside, cleanUp, freshPrefix, idsOf, never, open, ready } from './elasticsearch-harness.ts'

const day = Date.parse('2026-11-22T00:00:00Z')

/** One event a line; its place is its time. */
const story: Readonly<Record<string, Partial<ThumpEvent>>> = {
  slow: { app: { took: 700, at: '2026-11-20T10:00:00Z', path: 'C:\\logs\\a?b' }, source: { ip: '10.0.0.7' } },
  quick: { app: { took: 70 }, source: { ip: 'not-an-address' }, rabbitmq: { durable: true } },
  missing: { http: { response: { status_code: 404 } }, url: { path: '/a*b' } },
  broken: { http: { response: { status_code: 503 } }, rabbitmq: { durable: false } },
  sampled: { rabbitmq: { node: { mem_used_bytes: 5e9, mem_alarm: true, kind: 'disc', deep: { er: [1] } } } },
  newer: { invention: { width: 42, name: 'Flux', is: true, list: ['a', 'B'] } },
  text: { message: 'connection from rabbit@mq1-blue was closed: login refused' },
  decomposed: { message: '회원 탈퇴'.normalize('NFD') },
  filed: {
    log: { file: { path: '/var/log/mq1.log' } },
    source: { ip: '10.0.0.8', port: 5672 },
    rabbitmq: {
      connection: '10.0.0.8:31000 -> 10.0.9.1:5672',
      arguments: { 'x-queue-type': 'quorum', 'x-max-length': 10 },
    },
  },
  undatable: { '@timestamp': 'Sun Nov 22 2026 00:00:09 GMT' },
}

describe('a search of Elasticsearch', () => {
  const prefix = freshPrefix()
  let storage: Storage
  let client: Client
  let stop: () => Promise<void>

  beforeAll(async () => {
    const opened = await open(prefix)
    ;({ value: storage, stop } = opened)
    client = new Client({ node: shared().elasticsearch.url })
    await storage.store.setup(never)
    const items = Object.entries(story).map(([id, extra], index) => itemOf(id, day + 1000 * (index + 1), extra))
    const outcomes = await storage.store.write(items, never)
    expect(outcomes).toEqual(items.map(() => ({ kind: 'stored', isDuplicate: false })))
    await client.indices.refresh({ index: `${prefix}-*` })
  })
  afterAll(async () => {
    await stop()
    await cleanUp(client, prefix)
  })

  test.each([
    ['app.took > 100', ['slow']],
    ['app.took <= 700 and app.took: 70', ['quick']],
    ['app.at >= 2026-11-20 and app.at < 2026-11-21', ['slow']],
    ['app.path: "C:\\\\logs\\\\a?b"', ['slow']],
    ['app.path: *a?*', ['slow']],
    ['app.path: C*axb', []],
    ['app.path: "c:\\\\LOGS\\\\a?b"', ['slow']],
    ['url.path: /a\\*b', ['missing']],
    ['source.ip: not-an-address', ['quick']],
    ['source.ip: 10.*', ['slow', 'filed']],
    ['http.response.status_code: 4*', ['missing']],
    ['http.response.status_code: 5*', ['broken']],
    ['http.response.status_code: 40*', ['missing']],
    ['http.response.status_code: 404', ['missing']],
    ['http.response.status_code: nonsense', []],
    ['rabbitmq.durable: TRUE', ['quick']],
    ['rabbitmq.durable: *', ['quick', 'broken']],
    ['rabbitmq.node.mem_used_bytes > 4000000000', ['sampled']],
    ['rabbitmq.node.mem_alarm: true', ['sampled']],
    ['rabbitmq.node.kind: disc', ['sampled']],
    ['rabbitmq.node.mem_used_bytes: nonsense', []],
    ['invention.width >= 42', ['newer']],
    ['invention.name: flux', ['newer']],
    ['invention.name: f*', ['newer']],
    ['invention.is: true', ['newer']],
    ['invention.list: b', ['newer']],
    ['invention.name: *', ['newer']],
    ['log.file.path: /VAR/log/*', ['filed']],
    ['log.file.path: /var/log/mq1.log', ['filed']],
    ['log.file.path: *', ['filed']],
    ['rabbitmq.connection: "10.0.0.8:31000 -> 10.0.9.1:5672"', ['filed']],
    ['rabbitmq.connection: 10.0.0.8*', ['filed']],
    ['rabbitmq.connection: *', ['filed']],
    ['source.port >= 5672 and source.port: 5672', ['filed']],
    ['rabbitmq.arguments.x-queue-type: QUORUM', ['filed']],
    ['rabbitmq.arguments.x-queue-type: *', ['filed']],
    ['rabbitmq.arguments.x-queue-type: quo*', ['filed']],
    ['rabbitmq.arguments: *', ['filed']],
    ['rabbitmq.arguments.x-max-length > 9', ['filed']],
    ['event.id: quick', ['quick']],
    ['event.id: qui*', ['quick']],
    ['mq1', ['text']],
    ['rabbit@mq', ['text']],
    ['"login refu"', ['text']],
    ['message: *mq1*closed*', ['text']],
    ['message: *closed*nowhere*', []],
    ['탈퇴', ['decomposed']],
  ])('finds %s', async (text, expected) => {
    expect(await idsOf(storage.search, text)).toEqual(expected)
  })

  test.each([
    ['invention.name', [{ value: 'Flux', count: 1 }]],
    [
      'rabbitmq.durable',
      [
        { value: 'false', count: 1 },
        { value: 'true', count: 1 },
      ],
    ],
    ['source.ip', ['10.0.0.7', '10.0.0.8', 'not-an-address'].map((value) => ({ value, count: 1 }))],
    ['rabbitmq.arguments.x-queue-type', [{ value: 'quorum', count: 1 }]],
    ['log.file.path', [{ value: '/var/log/mq1.log', count: 1 }]],
    ['rabbitmq.connection', [{ value: '10.0.0.8:31000 -> 10.0.9.1:5672', count: 1 }]],
  ])('counts the values of %s', async (field, expected) => {
    expect(await storage.search.top(field, query('not event.id: none'), {}, 10, never)).toEqual(expected)
  })

  test('a time that the server cannot read does not break the paging, either way', async () => {
    for (const sort of ['asc', 'desc'] as const) {
      const found: string[] = []
      let after: string | undefined
      do {
        const request = { query: { kind: 'all' }, sort, limit: 1, ...(after !== undefined && { after }) } as const
        const page = await storage.search.search(request, never)
        found.push(...page.events.map(({ event }) => event.id))
        after = page.next
      } while (after !== undefined)
      expect(found.toSorted()).toEqual(Object.keys(story).toSorted())
    }
  })

  test('other clients find an event by its id as a field, and by the beginning of one', async () => {
    const found = async (search: object) => (await client.count({ index: `${prefix}-*`, query: search })).count
    expect(await found({ term: { 'event.id': 'quick' } })).toBe(1)
    expect(await found({ prefix: { 'event.id': 'qui' } })).toBe(1)
  })

  test('more than the server gives at once comes in one answer', async () => {
    const at = day + 3 * 86_400_000
    const many = Array.from({ length: 5200 }, (_, index) => itemOf(`many-${index}`, at + index))
    await storage.store.write(many, never)
    await client.indices.refresh({ index: `${prefix}-*` })
    const all = { query: { kind: 'all' }, sinceMs: at, sort: 'asc' } as const
    const { events, next } = await storage.search.search({ ...all, limit: 20_000 }, never)
    expect(events.map(({ event }) => event.id)).toEqual(many.map(({ id }) => id))
    expect(next).toBeUndefined()
  })

  test('what cannot be asked is refused, not taken for an absent server', async () => {
    const { search } = storage
    await expect(search.top('message', { kind: 'all' }, {}, 10, never)).rejects.toBeInstanceOf(RejectedError)
    const request = { query: { kind: 'all' }, sort: 'asc', limit: 1, after: 'nonsense' } as const
    await expect(search.search(request, never)).rejects.toBeInstanceOf(RejectedError)
    expect(storage.store.isConnected()).toBe(true)
  })
})

test('a search where nothing was ever stored finds nothing', async () => {
  const { value, stop } = await open(freshPrefix())
  expect(await idsOf(value.search, '')).toEqual([])
  expect(await value.search.count({ kind: 'all' }, {}, never)).toBe(0)
  expect(await value.search.top('user.name', { kind: 'all' }, {}, 5, never)).toEqual([])
  await stop()
})

test('an older template is replaced; its days and ours are searched and counted as one', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  const { store, search } = await ready(prefix)
  const name = `${prefix}-mappings`
  const [ours] = (await client.cluster.getComponentTemplate({ name })).component_templates
  const { template, version = 0 } = ours?.component_template ?? {}
  const properties = {
    ...template?.mappings?.properties,
    rabbitmq: { properties: { connection: { type: 'keyword', ignore_above: 1024 } } },
  } as const
  const older = { ...template, mappings: { ...template?.mappings, properties, dynamic_templates: [] } }
  await client.cluster.putComponentTemplate({ name, template: older, version: version - 1 })
  const event = { rabbitmq: { connection: 'one' } }
  await store.write([itemOf('older', day, event)], never)
  await store.setup(never)
  await store.write([itemOf('ours', day + 86_400_000, event)], never)
  await client.indices.refresh({ index: `${prefix}-*` })
  const mappings = await client.indices.getMapping({ index: `${prefix}-*` })
  expect(Object.keys(mappings)).toHaveLength(2)
  expect(new Set(Object.values(mappings).map((mapping) => JSON.stringify(mapping))).size).toBe(2)
  const both = ['older', 'ours']
  expect(await idsOf(search, 'rabbitmq.connection: ONE')).toEqual(both)
  expect(await search.top('rabbitmq.connection', query(''), {}, 5, never)).toEqual([{ value: 'one', count: 2 }])
})
