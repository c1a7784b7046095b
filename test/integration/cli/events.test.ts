import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import type { ThumpEvent } from '../../../event/event.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import type { StoreItem } from '../../../storage/storage.ts'
import { eventually } from '../../servers/eventually.ts'
import { runThump, thump } from '../../servers/run-thump.ts'
import { itemOf } from '../storage/conformance.ts'
import { openAt } from '../transport/embedded-setup.ts'

const never = new AbortController().signal

/** A data folder as `thump up` keeps it, with what writes to it. */
async function dataFolder() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-events-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
  const days = { dir: join(dir, 'events'), retentionMs: 1e13, maxBytes: 1e12, mode: 'write' } as const
  const storage = await createSqliteStorage(days, deps)
  onTestFinished(storage.stop)
  const log = await openAt(join(dir, 'log'))
  onTestFinished(log.stop)
  const producer = await log.value.createProducer()
  return {
    config: stringify({ dataDir: dir, timezone: 'Asia/Seoul' }),
    store: (...items: StoreItem[]) => storage.value.store.write(items, never),
    send: ({ topic, id, value, atMs }: StoreItem) =>
      producer.value.send([{ topic, key: 'k', value, headers: { schema: '1', id }, timestampMs: atMs }], never),
  }
}

test('--follow shows what is stored, what the storage did not have yet, and what arrives from every topic: each once', async () => {
  const { config, store, send } = await dataFolder()
  const now = Date.now()
  const operation = (id: string) => itemOf(id, Date.now(), { amqp: { operation: 'queue.delete' } })
  await store(itemOf('stored', now - 1000))
  // In the log before anybody looks, and stored only while the first search has asked already.
  const between = itemOf('between', now - 500)
  await send(between)
  const following = await runThump(['events', '--follow', '--output', 'json'], { config })
  onTestFinished(async () => void (await following.kill()))
  const ids = () =>
    following
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as ThumpEvent).event.id)
  await eventually(() => ids().includes('stored'))
  await store(between)
  for (const item of [itemOf('line', Date.now()), operation('deed')]) {
    await send(item)
    await store(item)
  }
  await eventually(() => ids().length >= 4, { what: 'all four' })
  following.signal('SIGINT')
  const { code, stderr } = await following.ended
  expect(code).toBe(0)
  expect(ids().toSorted()).toEqual(['between', 'deed', 'line', 'stored'])
  expect(stderr).toMatch(/\n3 events in \d+ s: 2 rabbitmq.log, 1 queue.delete\n/)
})

test('answers figures instead of events, and what is related to one', async () => {
  const { config, store } = await dataFolder()
  const now = Date.now()
  const of = (id: string, queue: string, name: string) =>
    itemOf(id, now - 60_000, { amqp: { operation: 'queue.declare' }, rabbitmq: { queue }, user: { name } })
  await store(of('a', 'q1', 'app'), of('b', 'q2', 'app'), of('c', 'q1', 'eve'))
  const ask = async (...args: string[]) => (await thump(['events', '--output', 'json', ...args], { config })).stdout
  expect(await ask('--top', 'user.name')).toBe('{"value":"app","count":2}\n{"value":"eve","count":1}\n')
  expect(JSON.parse(await ask('--histogram'))).toEqual({ atMs: expect.any(Number), count: 3 })
  const related = await ask('--related', 'a')
  expect(related.match(/"message":"\w+"/g)).toEqual(['"message":"a"', '"message":"c"'])
  const { stdout } = await thump(['events', '--top', 'user.name'], { config })
  expect(stdout).toBe(`app  2  ${'█'.repeat(40)}\neve  1  ${'█'.repeat(20)}\n`)
})

test.each([
  [['--limit', '0'], '--limit is a whole number from 1 to'],
  [['--follow', '--top', 'user.name'], '--top and --follow do not go together'],
  [['--since', '1h', '--until', '2h'], '--since 1h is not before --until 2h'],
  [['--since', 'soon'], '--since soon is no time; write it as 15m'],
  [['queue: x'], 'no event has a field "queue"; did you mean rabbitmq.queue?'],
])('%j is answered with what is wrong', async (args, message) => {
  const { code, stderr } = await thump(['events', ...args])
  expect(stderr).toContain(message)
  expect(code).toBe(2)
})

test('says why there is nothing, and what to run', async () => {
  const { config, store } = await dataFolder()
  const said = async (...args: string[]) => (await thump(['events', ...args], { config })).stderr
  expect(await said()).toMatch(/nothing is stored in .* yet; is thump up, or the forwarder, running/)
  await store(itemOf('old', Date.now() - 3 * 86_400_000))
  expect(await said()).toContain('nothing in this time, but 1 events outside of it; try --since 7d')
  expect(await said('--since', '7d', 'user.name: nobody')).toContain('none of the 1 events in this time matches')
})
