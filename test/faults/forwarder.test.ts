import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { readTopic } from '../../cli/read-topic.ts'
import { readDeadLetters } from '../../forwarder/dead-letters.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump, thump, type ThumpProcess } from '../servers/run-thump.ts'
import { type Forwarding, placesOf, startForwarding, startServers, type Servers } from './forwarding.ts'

/** More seeds and longer by `npm run soak`. */
const rounds = Number(process.env['THUMP_FORWARD_ROUNDS'] ?? 1)
const firstSeed = Number(process.env['THUMP_SEED'] ?? 7)
const patiently = { withinMs: 180_000, everyMs: 500 }

const shutdown = new Shutdown()
let servers: Servers
beforeAll(async () => {
  servers = await startServers(shutdown)
}, 240_000)
afterAll(() => shutdown.run(AbortSignal.timeout(60_000)), 90_000)

/** The same numbers for the same seed, in [0, 1). */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

async function begin(): Promise<Forwarding> {
  const own = new Shutdown()
  onTestFinished(() => own.run(AbortSignal.timeout(30_000)), 60_000)
  return await startForwarding(placesOf(servers), own)
}

function runForwarders(yaml: string, count: number) {
  const running: ThumpProcess[] = []
  const start = async (index: number) => {
    running[index] = await runThump(['forwarder'], { config: yaml })
  }
  onTestFinished(async () => void (await Promise.all(running.map((role) => role.kill()))), 30_000)
  return {
    running,
    startAll: () => Promise.all(Array.from({ length: count }, (_, index) => start(index))),
    async replace(index: number) {
      await running[index]?.kill()
      await start(index)
    },
  }
}

/** All that was sent is where it belongs, once; the forwarders say so themselves. */
async function expectAllOnce(forwarding: Forwarding, running: readonly ThumpProcess[]): Promise<void> {
  const { good, poison, transport } = forwarding
  await eventually(async () => new Set(await forwarding.storedIds()).size === good.size, {
    ...patiently,
    what: 'all stored',
  })
  expect(await forwarding.storedIds()).toEqual([...good].toSorted())
  const buried = async () => readDeadLetters(await readTopic(transport, 'DEADLETTER', AbortSignal.timeout(60_000)))
  await eventually(async () => (await buried()).length === poison.size, { ...patiently, what: 'all poison buried' })
  expect((await buried()).map(({ id }) => id ?? '').toSorted()).toEqual([...poison].toSorted())
  for (const role of running) await role.ready()
  const metrics = await Promise.all(running.map(async ({ healthUrl }) => (await fetch(`${healthUrl}/metrics`)).text()))
  const lags = metrics.flatMap((text) => [...text.matchAll(/^thump_consumer_lag\{topic="APP".*\} (\d+)/gm)])
  expect(lags.map(([, lag]) => lag)).toEqual(['0', '0', '0'])
}

test(
  'three forwarders, one killed every two seconds, a rebalance every second: nothing lost, nothing twice',
  async () => {
    const forwarding = await begin()
    const forwarders = runForwarders(forwarding.yaml, 3)
    await forwarders.startAll()
    const traffic = forwarding.flow()
    const stopping = new AbortController()
    // Joins the forwarders' group and leaves it again, and reads what it is given without ever committing.
    const rebalancing = (async () => {
      while (!stopping.signal.aborted) {
        const options = { role: 'forwarder', topics: ['APP'], startAt: 'beginning' } as const
        const { stop } = await forwarding.transport.createConsumer(options, { records: async () => {} })
        await sleep(1000, stopping.signal).catch(() => {})
        await stop()
      }
    })()
    const die = dice(firstSeed)
    for (let kill = 0; kill < 5 * rounds; kill++) {
      await sleep(2000)
      await forwarders.replace(Math.floor(die() * 3))
    }
    await traffic.stop()
    stopping.abort()
    await rebalancing
    await expectAllOnce(forwarding, forwarders.running)
  },
  480_000 * rounds,
)

const seeds = Array.from({ length: rounds }, (_, index) => firstSeed + index)

test.each(seeds)(
  'servers and forwarder killed, stalled and reset at random (seed %i): nothing lost, nothing twice',
  async (seed) => {
    const { kafka, kafkaProxy, elasticsearch, elasticsearchProxy } = servers
    const forwarding = await begin()
    const forwarders = runForwarders(forwarding.yaml, 1)
    await forwarders.startAll()
    const traffic = forwarding.flow()
    const die = dice(seed)
    const faults = [
      () => forwarders.replace(0),
      () => kafka.kill().then(() => kafka.start()),
      () => elasticsearch.kill().then(() => elasticsearch.start()),
      async () => elasticsearchProxy.reset(),
      async () => kafkaProxy.reset(),
      async () => elasticsearchProxy.cutAfter(Math.floor(die() * 50_000)),
      async () => kafkaProxy.cutAfter(Math.floor(die() * 50_000)),
      () => stalled(elasticsearchProxy, 1500),
      () => stalled(kafkaProxy, 1500),
    ]
    // Each once, in an order of its own; then whichever comes.
    const order = faults.map((fault) => ({ fault, at: die() })).toSorted((a, b) => a.at - b.at)
    for (const { fault } of order) {
      await sleep(300 + die() * 700)
      await fault()
    }
    for (const proxy of [kafkaProxy, elasticsearchProxy]) proxy.cutAfter(undefined)
    await traffic.stop()
    await expectAllOnce(forwarding, forwarders.running)
  },
  480_000,
)

async function stalled(proxy: Servers['kafkaProxy'], ms: number): Promise<void> {
  proxy.stall()
  await sleep(ms)
  proxy.resume()
}

test('what storage refused is listed, shown, and stored under its id once the mapping is mended', async () => {
  const forwarding = await begin()
  const forwarders = runForwarders(forwarding.yaml, 1)
  await forwarders.startAll()
  await forwarding.sendPoison(4)
  const run = async (...args: string[]) => thump(['dead-letters', ...args], { config: forwarding.yaml })
  const list = async (...args: string[]) => {
    const { stdout, stderr, code } = await run('list', '--output', 'json', ...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Listed)
  }
  await eventually(async () => (await list()).length === 4, patiently)
  const letters = await list()
  const wrongType = letters.find(({ value }) => value.includes('a word'))
  expect(letters.map(({ reason }) => reason).toSorted()).toEqual([
    'document_parsing_exception',
    'document_parsing_exception',
    'no-time',
    'not-json',
  ])
  const shown = await run('show', wrongType?.address ?? '')
  expect(shown.stdout.trim()).toBe(wrongType?.value)
  expect(shown.stderr).toContain('reason: document_parsing_exception')

  // What a new template would do: the day's index goes, and the next one takes the word.
  const { url } = servers.elasticsearch
  const json = { 'content-type': 'application/json' }
  const mappings = { dynamic: false, properties: { user: { type: 'object', enabled: false } } }
  const template = { index_patterns: [`${forwarding.prefix}-app-*`], priority: 900, template: { mappings } }
  await fetch(`${url}/_index_template/${forwarding.prefix}-mended`, {
    method: 'PUT',
    headers: json,
    body: JSON.stringify(template),
  })
  await fetch(
    `${url}/${forwarding.prefix}-app-2026.11.21,${forwarding.prefix}-app-2026.11.22?ignore_unavailable=true`,
    {
      method: 'DELETE',
    },
  )
  const dry = await run('retry', '--all', '--dry-run')
  expect(dry.stderr).toMatch(/2 would be sent again, 2 left/)
  const retried = await run('retry', wrongType?.id ?? '')
  expect(retried).toMatchObject({ code: 0, stderr: expect.stringContaining('1 sent again, 0 left') as string })
  await eventually(async () => expect(await forwarding.storedIds()).toEqual([wrongType?.id]), patiently)
  expect((await list()).map(({ address }) => address)).not.toContain(wrongType?.address)
  expect(await list('--all')).toHaveLength(4)
  expect((await run('retry', wrongType?.id ?? '')).stderr).toContain('it was sent again before')
  expect(await run('retry')).toMatchObject({ code: 2 })
}, 240_000)

interface Listed {
  readonly address: string
  readonly reason: string
  readonly id: string
  readonly value: string
}
