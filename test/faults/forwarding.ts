import { randomUUID } from 'node:crypto'
import { stringify } from 'yaml'
import { encodeEvent } from '../../event/encode.ts'
import type { ThumpEvent } from '../../event/event.ts'
import type { Config } from '../../runtime/config/schema.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Shutdown } from '../../runtime/shutdown.ts'
import { openStorage } from '../../storage/open-storage.ts'
import { openTransport } from '../../transport/open-transport.ts'
import type { OutRecord, Transport } from '../../transport/transport.ts'
import { type Elasticsearch, startElasticsearch } from '../servers/elasticsearch.ts'
import { type Kafka, startKafka } from '../servers/kafka.ts'
import { startTcpProxy, type TcpProxy } from '../servers/tcp-proxy.ts'

const never = new AbortController().signal
const midnight = Date.parse('2026-11-22T00:00:00Z')
const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }

/** A Kafka and an Elasticsearch that a test may do anything to, each reached through a proxy only. */
export interface Servers {
  readonly kafka: Kafka
  readonly kafkaProxy: TcpProxy
  readonly elasticsearch: Elasticsearch
  readonly elasticsearchProxy: TcpProxy
}

/** One processor and a queue of one: whatever comes at once is refused with 429. */
const small = ['node.processors: 1', 'thread_pool.write.queue_size: 1']

export async function startServers(shutdown: Shutdown): Promise<Servers> {
  const target = { port: 0 }
  const kafkaProxy = shutdown.own('kafka proxy', await startTcpProxy(target))
  const extra = [`advertised.listeners=CLIENT://127.0.0.1:${kafkaProxy.port},PLAIN://127.0.0.1:1`]
  const [kafka, elasticsearch] = await Promise.all([startKafka({ extra }), startElasticsearch({ extra: small })])
  const servers = { kafka: shutdown.own('kafka', kafka), elasticsearch: shutdown.own('elasticsearch', elasticsearch) }
  target.port = Number(servers.kafka.brokers[0]?.split(':')[1])
  const elasticsearchProxy = shutdown.own('proxy', await startTcpProxy({ port: servers.elasticsearch.port }))
  return { ...servers, kafkaProxy, elasticsearchProxy }
}

/** Where a forwarder finds Kafka and Elasticsearch, and where a test sees past all that is done to them. */
export interface Places {
  readonly brokers: readonly string[]
  readonly nodes: readonly string[]
  /** Elasticsearch's own addresses. */
  readonly direct: readonly string[]
}

export function placesOf({ kafkaProxy, elasticsearch, elasticsearchProxy }: Servers): Places {
  const nodes = [`http://${elasticsearchProxy.address}`]
  return { brokers: [kafkaProxy.address], nodes, direct: [elasticsearch.url] }
}

/** Topics, a group and indices of its own, and the stream of events that is to arrive once each. */
export interface Forwarding {
  /** The text of thump.yaml. */
  readonly yaml: string
  readonly config: Config
  readonly prefix: string
  readonly transport: Transport
  /** Sends without a pause until stopped; every tenth record is poison of some kind. */
  flow(): { stop(): Promise<void> }
  sendGood(count: number): Promise<void>
  sendPoison(count: number): Promise<void>
  /** One record of the bytes, under a key that is the same for all of them: in one partition, in order. */
  sendRaw(id: string, value: string | Buffer, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Ids that must be stored once each, and those that must lie in DEADLETTER. */
  readonly good: ReadonlySet<string>
  readonly poison: ReadonlySet<string>
  /** The ids in the store now, sorted, each as often as it is there. */
  storedIds(): Promise<string[]>
  storedCount(): Promise<number>
}

export async function startForwarding({ brokers, nodes, direct }: Places, shutdown: Shutdown): Promise<Forwarding> {
  const prefix = `faults-${randomUUID().slice(0, 8)}`
  const names = { app: 'APP', amqp: 'AMQP', metric: 'METRIC', self: 'THUMP', deadLetter: 'DEADLETTER' }
  const base = {
    transport: {
      kind: 'kafka',
      topics: Object.fromEntries(Object.entries(names).map(([key, name]) => [key, `${name}-${prefix}`])),
      kafka: { brokers, group: prefix, createTopics: { partitions: 3 } },
    },
    storage: {
      kind: 'elasticsearch',
      elasticsearch: { nodes, indexPrefix: prefix, retention: '3650d' },
    },
    log: { level: 'info', format: 'json' },
  }
  const { config } = loadConfig({ base })
  const transport = shutdown.own('transport', await openTransport(config, deps))
  const { value: producer } = await transport.createProducer()
  // Past the proxy: what is there must not depend on what is done to it.
  const elasticsearch = { ...config.storage.elasticsearch, nodes: [...direct] }
  const storage = shutdown.own(
    'storage',
    await openStorage({ ...config, storage: { ...config.storage, elasticsearch } }, deps),
  )
  const good = new Set<string>()
  const poison = new Set<string>()
  let number = 0
  const send = async (isPoison: (index: number) => boolean, count: number) => {
    const records = Array.from({ length: count }, (_, index): OutRecord => {
      const id = `id-${number++}`
      const isBad = isPoison(index)
      ;(isBad ? poison : good).add(id)
      return isBad ? poisonOf(id, number, poison.size) : recordOf(eventOf(id, number))
    })
    await producer.send(records, never)
  }
  const refresh = async () => void (await fetch(`${direct[0]}/${prefix}-*/_refresh`, { method: 'POST' }))
  return {
    yaml: stringify(base),
    config,
    prefix,
    transport,
    good,
    poison,
    sendGood: (count) => send(() => false, count),
    sendPoison: (count) => send(() => true, count),
    async sendRaw(id, value, headers = {}) {
      const record = { ...recordOf(eventOf(id, 1)), key: 'one partition', value: Buffer.from(value) }
      await producer.send([{ ...record, headers: { schema: '1', id, ...headers } }], never)
    },
    flow() {
      const stopping = new AbortController()
      const running = (async () => {
        while (!stopping.signal.aborted) {
          await send((index) => index % 10 === 9, 10)
          await sleep(100, stopping.signal).catch(() => {})
        }
      })()
      return {
        stop: () => {
          stopping.abort()
          return running
        },
      }
    },
    async storedCount() {
      await refresh()
      return await storage.search.count({ kind: 'all' }, {}, never)
    },
    async storedIds() {
      await refresh()
      const request = { query: { kind: 'all' }, sort: 'asc', limit: 1_000_000 } as const
      const { events } = await storage.search.search(request, never)
      return events.map(({ event }) => event.id).toSorted()
    },
  }
}

/** On both sides of a midnight: one id must not land in two days. */
export function eventOf(id: string, number: number): ThumpEvent {
  return {
    '@timestamp': new Date(midnight + (number % 2 === 0 ? -1 : 1) * number * 1000).toISOString(),
    event: { id, dataset: 'rabbitmq.log', sequence: number },
    message: `event ${id}`,
    service: { type: 'rabbitmq' },
    agent: { id: 'agent', version: '0' },
  }
}

function recordOf(event: ThumpEvent): OutRecord {
  return { ...encodeEvent({ topic: 'APP', key: event.event.id, event }), headers: { schema: '1', id: event.event.id } }
}

/** In turn: not JSON, a word where the mapping has an object, far too deep, of a schema nobody knows yet and without a time. */
function poisonOf(id: string, number: number, turn: number): OutRecord {
  const record = recordOf(eventOf(id, number))
  const json = Buffer.from(record.value).toString('utf8')
  const open = json.slice(0, -1)
  const values = [
    json.slice(0, 20),
    `${open},"user":"a word"}`,
    `${open},"x":${'['.repeat(1200)}${']'.repeat(1200)}}`,
    json.replace('@timestamp', 'at'),
  ]
  return { ...record, headers: { schema: '2', id }, value: Buffer.from(values[turn % values.length] ?? '') }
}
