import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { readTopic } from '../../cli/read-topic.ts'
import { readDeadLetters } from '../../forwarder/dead-letters.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { eventually } from '../servers/eventually.ts'
import { thump } from '../servers/run-thump.ts'
import { type Forwarders, runForwarders, startRebalancing } from './forwarders.ts'
import { eventOf, type Forwarding, placesOf, startForwarding, startServers, type Servers } from './forwarding.ts'
import { type Outcomes, since } from './outcomes.ts'

/** More seeds and longer by `npm run soak`. */
const isSoak = process.env['THUMP_FORWARD_ROUNDS'] !== undefined
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

const lettersOf = async ({ transport }: Forwarding) =>
  readDeadLetters(await readTopic(transport, 'DEADLETTER', AbortSignal.timeout(60_000)))

const missing = (ids: ReadonlySet<string>, there: ReadonlySet<string>) => [...ids].filter((id) => !there.has(id)).length

/** How much of what was sent is not where it belongs, or is there more than once. */
async function compare(forwarding: Forwarding) {
  const { good, poison } = forwarding
  const [stored, letters] = [await forwarding.storedIds(), await lettersOf(forwarding)]
  const buried = letters.map(({ id }) => id ?? '')
  const [storedOnce, buriedOnce] = [new Set(stored), new Set(buried)]
  return {
    lost: missing(good, storedOnce) + missing(poison, buriedOnce),
    doubled: stored.length - storedOnce.size + (buried.length - buriedOnce.size),
    misplaced: missing(storedOnce, good) + missing(buriedOnce, poison),
  }
}

/** All that was sent is where it belongs, once; the forwarders say so themselves, and what became of it. */
async function expectAllOnce(seed: number, forwarding: Forwarding, forwarders: Forwarders): Promise<void> {
  // Cheap to ask; the whole is compared once this holds, and again until time runs out.
  const isCounted = async () => (await forwarding.storedCount()) >= forwarding.good.size
  await eventually(isCounted, { ...patiently, what: 'as many stored as were sent' }).catch(() => {})
  let found = await compare(forwarding)
  const isThere = async () => (found = await compare(forwarding)).lost === 0
  await eventually(isThere, { ...patiently, everyMs: 2000, what: 'all stored or buried' }).catch(() => {})
  const outcomes = await forwarders.outcomes()
  if (isSoak) {
    const { good, poison } = forwarding
    const counted = [...outcomes].map(([name, count]) => `${name} ${count}`).join(', ')
    const sent = `${good.size + poison.size} sent, ${poison.size} of them poison`
    console.log(
      `seed ${seed}: ${sent}: ${found.lost} lost, ${found.doubled} doubled, ${found.misplaced} misplaced | ${counted}`,
    )
  }
  expect(found).toEqual({ lost: 0, doubled: 0, misplaced: 0 })
  for (const role of forwarders.running) await role.ready()
  // A session that a starved machine lost is a rebalance: for a moment a partition is nobody's.
  const areLagsZero = async () => expect(await lagsOf(forwarders)).toEqual(['0', '0', '0'])
  await eventually(areLagsZero, { ...patiently, what: 'each partition read to its end by one' })
}

/** Of each partition of APP that a forwarder reads. */
async function lagsOf({ running }: Forwarders): Promise<string[]> {
  const metrics = await Promise.all(running.map(async ({ healthUrl }) => (await fetch(`${healthUrl}/metrics`)).text()))
  const found = metrics.flatMap((text) => [...text.matchAll(/^thump_consumer_lag\{topic="APP".*\} (\d+)/gm)])
  return found.map(([, lag = '']) => lag)
}

/** With nothing in the way, each record is an outcome in the metrics: stored exactly once, refused at least once. */
async function expectExactOutcomes(forwarding: Forwarding, forwarders: Forwarders): Promise<void> {
  const before = await forwarders.outcomes()
  await forwarding.sendGood(40)
  await forwarding.sendPoison(8)
  const refused = {
    'stored rejected': 8,
    'dead_letters document_parsing_exception': 4,
    'dead_letters no-time': 2,
    'dead_letters not-json': 2,
  }
  let seen: Outcomes = new Map()
  const isTold = async () => {
    seen = since(await forwarders.outcomes(), before)
    const enough = Object.entries(refused).every(([name, count]) => (seen.get(name) ?? 0) >= count)
    return enough && (seen.get('stored stored') ?? 0) >= 40
  }
  await eventually(isTold, { ...patiently, what: 'an outcome for each' })
  expect(seen.get('stored stored')).toBe(40)
}

test(
  'three forwarders, one killed every two seconds, a rebalance every second: nothing lost, nothing twice',
  async () => {
    const forwarding = await begin()
    const forwarders = await runForwarders(forwarding.yaml, 3)
    const traffic = forwarding.flow()
    const rebalancing = startRebalancing(forwarding)
    const die = dice(firstSeed)
    for (let kill = 0; kill < 5 * rounds; kill++) {
      await sleep(2000)
      await forwarders.replace(Math.floor(die() * 3))
    }
    await traffic.stop()
    await rebalancing.stop()
    await expectAllOnce(firstSeed, forwarding, forwarders)
  },
  480_000 * rounds,
)

const seeds = Array.from({ length: rounds }, (_, index) => firstSeed + index)

test.each(seeds)(
  'servers and forwarders killed, stalled, reset, flooded and rebalanced at random (seed %i): nothing lost, nothing twice, all told',
  async (seed) => {
    const { kafka, kafkaProxy, elasticsearch, elasticsearchProxy } = servers
    const forwarding = await begin()
    const forwarders = await runForwarders(forwarding.yaml, 3)
    const traffic = forwarding.flow()
    const rebalancing = startRebalancing(forwarding)
    const die = dice(seed)
    const killForwarder = () => forwarders.replace(Math.floor(die() * 3))
    const isRefused = async () => (await forwarders.outcomes()).has(`store_retries ${refusal}`)
    const faults = [
      killForwarder,
      killForwarder,
      () => kafka.kill().then(() => kafka.start()),
      () => elasticsearch.kill().then(() => elasticsearch.start()),
      async () => elasticsearchProxy.reset(),
      async () => kafkaProxy.reset(),
      async () => elasticsearchProxy.cutAfter(Math.floor(die() * 50_000)),
      async () => kafkaProxy.cutAfter(Math.floor(die() * 50_000)),
      () => stalled(elasticsearchProxy, 1500),
      () => stalled(kafkaProxy, 1500),
    ]
    for (const role of forwarders.running) await role.ready()
    await flooded(elasticsearch.url, isRefused)
    // Each once, in an order of its own.
    const order = faults.map((fault) => ({ fault, at: die() })).toSorted((a, b) => a.at - b.at)
    for (const { fault } of order) {
      await sleep(300 + die() * 700)
      await fault()
    }
    for (const proxy of [kafkaProxy, elasticsearchProxy]) proxy.cutAfter(undefined)
    await traffic.stop()
    await rebalancing.stop()
    await expectAllOnce(seed, forwarding, forwarders)
    const told = await forwarders.outcomes()
    for (const name of ['stored stored', `store_retries ${refusal}`, 'store_unavailable', 'kafka_failures'])
      expect(told.get(name), name).toBeGreaterThan(0)
    await expectExactOutcomes(forwarding, forwarders)
  },
  480_000,
)

/** What a full queue of writes is called. */
const refusal = 'es_rejected_execution_exception'

/** So many bulks of somebody else at once that the queue of one is always full, until that was seen. */
async function flooded(url: string, isSeen: () => Promise<boolean>): Promise<void> {
  const over = new AbortController()
  const body = '{"index":{}}\n{"a":1}\n'.repeat(200)
  const headers = { 'content-type': 'application/x-ndjson' }
  const flood = async () => {
    while (!over.signal.aborted) {
      const response = await fetch(`${url}/flood/_bulk`, { method: 'POST', headers, body })
      await response.arrayBuffer()
    }
  }
  const floods = Array.from({ length: 8 }, flood)
  try {
    await eventually(isSeen, { ...patiently, what: 'a refusal for a full queue' })
  } finally {
    over.abort()
    await Promise.allSettled(floods)
  }
}

async function stalled(proxy: Servers['kafkaProxy'], ms: number): Promise<void> {
  proxy.stall()
  await sleep(ms)
  proxy.resume()
}

/** By what becomes of it: `stored`, or the reason for which it is buried. */
const oddities: Readonly<Record<string, readonly [outcome: string, value: string | Buffer, schema?: string]>> = {
  empty: ['not-json', ''],
  'not JSON': ['not-json', 'Disk full, giving up'],
  'cut off': ['not-json', '{"@timestamp":"2026-11-22T12:00:00.000Z","event":{"id":"cut'],
  'not UTF-8': [
    'document_parsing_exception',
    Buffer.concat([
      Buffer.from(odd('not UTF-8').slice(0, -1)),
      Buffer.from([0x2c, 0x22, 0x78, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    ]),
  ],
  'no object': ['not-an-object', '[1,2,3]'],
  'no id': ['no-id', '{"@timestamp":"2026-11-22T12:00:00.000Z"}'],
  'no time': ['no-time', '{"event":{"id":"no time"},"@timestamp":"yesterday"}'],
  deep: ['document_parsing_exception', odd('deep', `"x":${'['.repeat(1200)}${']'.repeat(1200)}`)],
  'a word for an object': ['document_parsing_exception', odd('a word for an object', '"user":"a word"')],
  'words for numbers': ['stored', odd('words for numbers', '"source":{"port":"many"}')],
  huge: ['stored', odd('huge', `"error":{"message":"${'word '.repeat(600_000)}"}`)],
  'one huge word': ['stored', odd('one huge word', `"user":{"name":"${'x'.repeat(200_000)}"}`)],
  'of a newer schema': ['stored', odd('of a newer schema', '"invented":{"later":[1,{"a":2}]}'), '99'],
}

function odd(id: string, extra = ''): string {
  const json = JSON.stringify(eventOf(id, 1))
  return extra === '' ? json : `${json.slice(0, -1)},${extra}}`
}

test('poison of every kind stops no partition: what can be kept is stored, the rest buried as it was with its reason', async () => {
  const forwarding = await begin()
  const forwarders = await runForwarders(forwarding.yaml, 1)
  for (const [id, [, value, schema = '1']] of Object.entries(oddities)) await forwarding.sendRaw(id, value, { schema })
  await forwarding.sendRaw('the last', odd('the last'))
  const of = (wanted: boolean) =>
    Object.entries(oddities)
      .filter(([, [outcome]]) => (outcome === 'stored') === wanted)
      .map(([id]) => id)
  await eventually(
    async () => expect(await forwarding.storedIds()).toEqual([...of(true), 'the last'].toSorted()),
    patiently,
  )
  await eventually(async () => (await lettersOf(forwarding)).length === of(false).length, patiently)
  for (const { id = '', reason, value } of await lettersOf(forwarding))
    expect([id, reason, value]).toEqual([id, oddities[id]?.[0], Buffer.from(oddities[id]?.[1] ?? '')])
  const outcomes = await forwarders.outcomes()
  expect(outcomes.get('stored stored')).toBe(of(true).length + 1)
  // A starved machine may lose the forwarder its session: what it had not committed is then read and refused again.
  expect(outcomes.get('stored rejected')).toBeGreaterThanOrEqual(of(false).length)
}, 240_000)

test('what storage refused is listed, shown, and stored under its id once the mapping is mended', async () => {
  const forwarding = await begin()
  await runForwarders(forwarding.yaml, 1)
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
