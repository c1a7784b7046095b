import { Client } from '@elastic/elasticsearch'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { encodeEvent } from '../../../event/encode.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { UnavailableError } from '../../../runtime/errors.ts'
import { elasticsearchSetup } from '../../../storage/elasticsearch/setup-requests.ts'
import { type Elasticsearch, startElasticsearch } from '../../servers/elasticsearch.ts'
import { eventually } from '../../servers/eventually.ts'
import { runThump, thump } from '../../servers/run-thump.ts'
import { shared } from '../../servers/shared.ts'
import { kafkaOptions, openKafka } from '../transport/kafka-setup.ts'
import { itemOf, query } from './conformance.ts'
import { freshPrefix, indicesOf, never, open } from './elasticsearch-harness.ts'

const password = 'only-for-tests'
const day = Date.parse('2026-11-22T12:00:00Z')
const dayMs = 86_400_000

describe.each(['8.19.9', '9.2.4'] as const)('Elasticsearch %s with security on', (version) => {
  const prefix = freshPrefix()
  const { roles } = elasticsearchSetup(prefix)
  let server: Elasticsearch
  let stop: () => Promise<void>
  let admin: Client

  const clientOf = (username: string) => new Client({ node: server.url, auth: { username, password } })
  const openAs = (username: string, extra = {}) =>
    open(prefix, { nodes: [server.url], username, password: new Secret(password), ...extra })

  /** What an administrator does with the printed requests, and a user for each role. */
  async function ask(method: string, path: string, body: unknown) {
    return await admin.transport.request<{ encoded?: string }>({ method, path, body: body as object })
  }

  beforeAll(async () => {
    ;({ value: server, stop } = await startElasticsearch({ version, password }))
    admin = clientOf('elastic')
    for (const { method, path, body } of [roles.writer, roles.reader]) await ask(method, path, body)
    await ask('PUT', '/_security/role/stranger', { indices: [{ names: ['x'], privileges: ['create_doc'] }] })
    const users = { writer: `${prefix}-writer`, reader: `${prefix}-reader`, stranger: 'stranger' }
    for (const [name, role] of Object.entries(users))
      await ask('PUT', `/_security/user/${name}`, { password, roles: [role] })
  }, 180_000)
  afterAll(async () => {
    await admin.close()
    await stop()
  })

  test('the role of a writer is enough to set up, write, search and remove whole old days, and for no more', async () => {
    const first = await openAs('writer')
    await first.value.store.setup(never)
    const deed = itemOf('deed', day, { amqp: { operation: 'queue.delete' } })
    const sample = itemOf('sample', day, { rabbitmq: { node: { mem_used_bytes: 1 } } })
    const outcomes = await first.value.store.write([itemOf('old', day - 40 * dayMs), deed, sample], never)
    expect(outcomes).toEqual(outcomes.map(() => ({ kind: 'stored', isDuplicate: false })))
    await admin.indices.refresh({ index: `${prefix}-*` })
    expect(await first.value.search.count(query('rabbitmq.node.mem_used_bytes: 1'), {}, never)).toBe(1)
    await first.stop()
    const second = await openAs('writer', { retentionMs: 30 * dayMs, now: () => day })
    await second.value.store.setup(never)
    second.value.store.lookAfter?.()
    const left = [`${prefix}-amqp-2026.11.22`, `${prefix}-app-2026.11.22`]
    await expect.poll(() => indicesOf(admin, prefix), { timeout: 10_000 }).toEqual(left)
    await second.stop()

    const client = clientOf('writer')
    const forbidden = { statusCode: 403 }
    const index = `${prefix}-amqp-2026.11.22`
    await expect(client.delete({ index, id: 'deed' })).rejects.toMatchObject(forbidden)
    await expect(client.index({ index, id: 'deed', document: {} })).rejects.toMatchObject(forbidden)
    await expect(client.index({ index: `${prefix}-other`, document: {} })).rejects.toMatchObject(forbidden)
    await client.close()
  })

  test('the role of a reader finds, and stores nothing', async () => {
    const { value, stop: close } = await openAs('reader')
    expect(await value.search.count(query('amqp.operation: queue.delete'), {}, never)).toBe(1)
    await expectNothingBuried(value.store.write([itemOf('one', day)], never))
    await close()
  })

  test('a right that is missing buries nothing: it is tried again until somebody gives it', async () => {
    const { value, stop: close } = await openAs('stranger')
    await expectNothingBuried(value.store.write([itemOf('one', day)], never))
    await close()
  })

  test('the key that setup prints a request for is enough for a forwarder, and refused everything else', async () => {
    const own = freshPrefix()
    const nodes = [server.url]
    const storage = (login: object) => ({
      kind: 'elasticsearch',
      elasticsearch: { nodes, indexPrefix: own, retention: '3650d', ...login },
    })
    const printed = await printedBySetup({ storage: storage({ username: 'elastic', password }) })
    const keyOf = async (name: string) => {
      const request = printed.find(({ path, body }) => path === '/_security/api_key' && body.name === name)
      const { encoded = '' } = await ask(request?.method ?? '', request?.path ?? '', request?.body)
      return encoded
    }
    const [writing, reading] = [await keyOf(`${own}-writer`), await keyOf(`${own}-reader`)]

    const options = kafkaOptions()
    const { APP: app, AMQP: amqp, METRIC: metric, THUMP: self, DEADLETTER: deadLetter } = options.topics
    const kafka = { brokers: shared().kafka.brokers, group: options.group, createTopics: { partitions: 2 } }
    const transport = { kind: 'kafka', topics: { app, amqp, metric, self, deadLetter }, kafka }
    const { transport: sender } = await openKafka(options)
    const events = Array.from({ length: 20 }, (_, index) => itemOf(`id-${index}`, day).event)
    const records = events.map((event) => encodeEvent({ topic: 'APP', key: event.event.id, event }))
    await (await sender.createProducer()).value.send(records, never)
    const forwarder = await runThump(['forwarder'], {
      config: stringify({ transport, storage: storage({ apiKey: writing }) }),
    })
    onTestFinished(async () => void (await forwarder.kill()))
    const found = async () => {
      await admin.indices.refresh({ index: `${own}-*` })
      return (await admin.count({ index: `${own}-app` })).count
    }
    await eventually(async () => (await found()) === 20, { withinMs: 60_000 })
    await forwarder.ready()
    expect(forwarder.stderr()).not.toContain(writing)

    const withKey = (apiKey: string) => {
      const client = new Client({ node: server.url, auth: { apiKey } })
      onTestFinished(() => client.close())
      return client
    }
    const index = `${own}-app-2026.11.22`
    const [writer, reader] = [withKey(writing), withKey(reading)]
    expect((await reader.count({ index })).count).toBe(20)
    const forbidden = {
      'remove an event': () => writer.delete({ index, id: 'id-1' }),
      'change an event': () => writer.index({ index, id: 'id-1', document: {} }),
      'write elsewhere': () => writer.index({ index: 'elsewhere', document: {} }),
      'read elsewhere': () => writer.count({ index: `${prefix}-app-2026.11.22` }),
      'make a user': () => writer.security.putUser({ username: 'evil', password, roles: ['superuser'] }),
      'make a key of greater rights': () => writer.security.createApiKey({ name: 'evil' }),
      'let a reader write': () => reader.create({ index, id: 'new', document: {} }),
      'let a reader remove a day': () => reader.indices.delete({ index }),
    }
    for (const [what, tried] of Object.entries(forbidden))
      await expect(tried(), what).rejects.toMatchObject({ statusCode: 403 })
  })

  test.each([
    ['key', { apiKey: new Secret('d3Jvbmc6c2VjcmV0LXRleHQ=') }],
    ['password', { username: 'elastic', password: new Secret('secret-and-wrong') }],
  ])('a wrong %s is told, and never shown', async (_, login) => {
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    const { value, stop: close } = await open(prefix, { nodes: [server.url], ...login, log })
    const error: unknown = await value.store.setup(never).catch((cause: unknown) => cause)
    log.error({ err: error }, 'storage cannot be set up yet')
    expect(error).toBeInstanceOf(UnavailableError)
    expect(String(error)).toMatch(/status 401, security_exception/)
    expect(lines.join('')).toContain('security_exception')
    expect(lines.join('')).not.toContain(('apiKey' in login ? login.apiKey : login.password).reveal())
    await expectNothingBuried(value.store.write([itemOf('one', day)], never))
    expect(value.store.isConnected()).toBe(false)
    await close()
  })
})

/** The server refuses either the whole or each item. */
async function expectNothingBuried(writing: Promise<unknown>): Promise<void> {
  const outcome = await writing.catch((error: unknown) => error)
  if (!(outcome instanceof UnavailableError)) expect(outcome).toEqual([{ kind: 'retry', reason: 'security_exception' }])
}

interface Printed {
  readonly method: string
  readonly path: string
  readonly body: { readonly name?: string }
}

/** The requests that `thump setup elasticsearch` prints for an administrator. */
async function printedBySetup(config: object): Promise<Printed[]> {
  const { stdout, stderr, code } = await thump(['setup', 'elasticsearch'], { config: stringify(config) })
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('installed') as string })
  return stdout.split(/\n(?=PUT |POST )/).map((text) => {
    const [, method = '', path = '', body = ''] = /^(\w+) (\S+)\n([^]*)$/.exec(text) ?? []
    return { method, path, body: JSON.parse(body) as Printed['body'] }
  })
}
