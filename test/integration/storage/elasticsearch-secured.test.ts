import { Client } from '@elastic/elasticsearch'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Secret } from '../../../runtime/config/secret.ts'
import { UnavailableError } from '../../../runtime/errors.ts'
import { elasticsearchSetup } from '../../../storage/elasticsearch/setup-requests.ts'
import { type Elasticsearch, startElasticsearch } from '../../servers/elasticsearch.ts'
import { eventually } from '../../servers/eventually.ts'
import { itemOf, query } from './conformance.ts'
import { freshPrefix, indicesOf, never, open } from './elasticsearch-harness.ts'

const password = 'only-for-tests'
const prefix = freshPrefix()
const { roles, apiKeys } = elasticsearchSetup(prefix)
let server: Elasticsearch
let stop: () => Promise<void>
let admin: Client

const clientOf = (username: string) => new Client({ node: server.url, auth: { username, password } })
const openAs = (username: string, extra = {}) =>
  open(prefix, { nodes: [server.url], username, password: new Secret(password), ...extra })

/** As the server's own files: the reduced distribution cannot make the index where roles from the API are kept. */
function writeUsers(base: string, rights: Readonly<Record<string, unknown>>): void {
  const write = (name: string, lines: readonly string[]) =>
    writeFileSync(join(base, 'config', name), `${lines.join('\n')}\n`, { mode: 0o644 })
  const names = Object.keys(rights)
  write(
    'roles.yml',
    names.map((name) => `${name}: ${JSON.stringify(rights[name])}`),
  )
  write(
    'users_roles',
    names.map((name) => `${name}:${name}`),
  )
  write(
    'users',
    names.map((name) => `${name}:${hashed(password)}`),
  )
}

function hashed(text: string): string {
  const salt = randomBytes(32)
  const hash = pbkdf2Sync(text, salt, 10_000, 32, 'sha512')
  return `{PBKDF2}10000$${salt.toString('base64')}$${hash.toString('base64')}`
}

beforeAll(async () => {
  ;({ value: server, stop } = await startElasticsearch({ password }))
  admin = clientOf('elastic')
  const stranger = { indices: [{ names: ['x'], privileges: ['create_doc'] }] }
  writeUsers(server.base, { writer: roles.writer.body, reader: roles.reader.body, stranger })
  // The files are read every few seconds.
  const last = clientOf('stranger')
  await eventually(async () => (await last.security.authenticate()).roles.includes('stranger'), { withinMs: 30_000 })
  await last.close()
}, 180_000)
afterAll(async () => {
  await admin.close()
  await stop()
})

const day = Date.parse('2026-11-22T12:00:00Z')
const dayMs = 86_400_000

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

/** The server refuses either the whole or each item. */
async function expectNothingBuried(writing: Promise<unknown>): Promise<void> {
  const outcome = await writing.catch((error: unknown) => error)
  if (!(outcome instanceof UnavailableError)) expect(outcome).toEqual([{ kind: 'retry', reason: 'security_exception' }])
}

test('keys are asked for with exactly the rights of the roles', () => {
  expect(apiKeys.writer.body).toMatchObject({ role_descriptors: { [`${prefix}-writer`]: roles.writer.body } })
  expect(apiKeys.reader.body).toMatchObject({ role_descriptors: { [`${prefix}-reader`]: roles.reader.body } })
})

test('a wrong key is told, and never shown', async () => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const apiKey = new Secret('d3Jvbmc6c2VjcmV0LXRleHQ=')
  const { value, stop: close } = await open(prefix, { nodes: [server.url], apiKey, log })
  const error: unknown = await value.store.setup(never).catch((cause: unknown) => cause)
  log.error({ err: error }, 'storage cannot be set up yet')
  expect(error).toBeInstanceOf(UnavailableError)
  expect(String(error)).toMatch(/status 401, security_exception/)
  expect(lines.join('')).toContain('security_exception')
  expect(lines.join('')).not.toContain(apiKey.reveal())
  expect(value.store.isConnected()).toBe(false)
  await close()
})
