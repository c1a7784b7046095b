import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Shutdown } from '../../runtime/shutdown.ts'
import type { Elasticsearch } from '../servers/elasticsearch.ts'
import { startElasticsearchCluster } from '../servers/elasticsearch-cluster.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { startForwarding } from './forwarding.ts'

/** Every node in turn by `npm run soak`; else the one that hurts most. */
const isLong = process.env['THUMP_FORWARD_ROUNDS'] !== undefined
const patiently = { withinMs: 120_000, everyMs: 250 }

const shutdown = new Shutdown()
let nodes: readonly Elasticsearch[]
beforeAll(async () => {
  nodes = shutdown.own('elasticsearch', await startElasticsearchCluster())
}, 240_000)
afterAll(() => shutdown.run(AbortSignal.timeout(60_000)), 90_000)

async function ask<T>(through: Elasticsearch, path: string): Promise<T> {
  const response = await fetch(`${through.url}${path}`, { signal: AbortSignal.timeout(10_000) })
  return (await response.json()) as T
}

/** All nodes are there, and each day has its two copies. */
async function isWhole(through: Elasticsearch): Promise<boolean> {
  const health = await ask<{ status: string; number_of_nodes: number }>(through, '/_cluster/health')
  return health.status === 'green' && health.number_of_nodes === nodes.length
}

/** The nodes, the one that leads the cluster first. */
async function inOrder(): Promise<readonly Elasticsearch[]> {
  const masters = await Promise.all(nodes.map((node) => ask<{ id: string }[]>(node, '/_cat/master?format=json')))
  const [{ id } = { id: '' }] = masters[0] ?? []
  const names = await Promise.all(nodes.map((node) => ask<{ nodes: object }>(node, '/_nodes/_local')))
  const isMaster = (index: number) => id in (names[index]?.nodes ?? {})
  return [...nodes.keys()]
    .toSorted((a, b) => Number(isMaster(b)) - Number(isMaster(a)))
    .flatMap((at) => nodes[at] ?? [])
}

test('one of three Elasticsearch nodes killed and brought back while events are written, a fourth never there: nothing lost, nothing twice', async () => {
  const own = new Shutdown()
  onTestFinished(() => own.run(AbortSignal.timeout(30_000)), 60_000)
  const [first] = nodes
  if (!first) throw new Error('no node was started')
  const direct = nodes.map(({ url }) => url)
  const places = { brokers: shared().kafka.brokers, nodes: ['http://127.0.0.1:1', ...direct], direct }
  const forwarding = await startForwarding(places, own)
  const forwarder = await runThump(['forwarder'], { config: forwarding.yaml })
  own.add('forwarder', async () => void (await forwarder.kill()))
  const traffic = forwarding.flow()
  const stored = async () => (await forwarding.storedIds()).length
  await eventually(async () => (await stored()) > 0 && (await isWhole(first)), patiently)
  await forwarder.ready()
  const victims = await inOrder()
  for (const [index, victim] of victims.slice(0, isLong ? undefined : 1).entries()) {
    const other = victims[index === 0 ? 1 : 0] ?? first
    await victim.kill()
    // Writing goes on without it.
    const sent = forwarding.good.size
    await eventually(async () => (await storedThrough(other, forwarding.prefix)) > sent, patiently)
    await victim.start()
    await eventually(() => isWhole(other), patiently)
  }
  await traffic.stop()
  const { good } = forwarding
  await eventually(async () => new Set(await forwarding.storedIds()).size === good.size, patiently)
  expect(await forwarding.storedIds()).toEqual([...good].toSorted())
  await forwarder.ready()
}, 480_000)

async function storedThrough(node: Elasticsearch, prefix: string): Promise<number> {
  await fetch(`${node.url}/${prefix}-*/_refresh`, { method: 'POST' })
  return (await ask<{ count: number }>(node, `/${prefix}-*/_count`)).count
}
