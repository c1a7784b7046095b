import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Channel, connect } from 'amqplib'
import { createFirehoseSource, type FirehoseDeps } from '../../../agent/sources/firehose/firehose.ts'
import type { SwitchedOn } from '../../../agent/sources/firehose/switched.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import type { SharedRabbit } from '../../servers/shared.ts'
import { type Api, api, collector, testIdentity, unique } from '../rabbitmq/harness.ts'

type Cleanups = Array<() => Promise<unknown>>

/** A vhost of its own on a shared broker, gone at the end with all that is in it. */
export async function ownVhost(rabbit: SharedRabbit, cleanups: Cleanups, { isTraced = true } = {}) {
  const vhost = unique('fh-')
  const call: Api['call'] = (...request) => api(rabbit).call(...request)
  await call('PUT', `/vhosts/${vhost}`, { tracing: isTraced })
  cleanups.push(() => call('DELETE', `/vhosts/${vhost}`))
  cleanups.push(() => call('PUT', `/vhosts/${vhost}`, { tracing: false }))
  await call('PUT', `/permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' })
  return {
    vhost,
    call,
    tracing: async () => ((await call('GET', `/vhosts/${vhost}`)).json as { tracing: boolean }).tracing,
    traceQueues: async () =>
      (
        (await call('GET', `/queues/${vhost}`)).json as Array<{ name: string; arguments: object; exclusive: boolean }>
      ).filter(({ name }) => name.startsWith('mon.fh.')),
    client: () => client(rabbit, vhost, cleanups),
  }
}

async function client(rabbit: SharedRabbit, vhost: string, cleanups: Cleanups): Promise<Channel> {
  const url = new URL(rabbit.amqpUrl)
  const connection = await connect({
    hostname: url.hostname,
    port: Number(url.port),
    username: 'guest',
    password: 'guest',
    vhost,
  })
  connection.on('error', () => {})
  cleanups.push(() => connection.close().catch(() => {}))
  return await connection.createChannel()
}

export const guest = (rabbit: SharedRabbit) => ({
  url: rabbit.managementUrl,
  username: 'guest',
  password: new Secret('guest'),
})

function memory(): SwitchedOn {
  const vhosts = new Set<string>()
  return {
    has: (vhost) => vhosts.has(vhost),
    all: () => [...vhosts],
    add: (vhost) => void vhosts.add(vhost),
    remove: (vhost) => void vhosts.delete(vhost),
  }
}

/** A firehose over `vhost`, consuming. */
export async function watchFirehose(
  rabbit: SharedRabbit,
  vhost: string,
  cleanups: Cleanups,
  {
    firehose,
    ...changes
  }: Omit<Partial<FirehoseDeps>, 'firehose'> & { firehose?: Partial<FirehoseDeps['firehose']> } = {},
) {
  const sink = collector()
  const metrics = createMetrics()
  const source = createFirehoseSource({
    amqp: { url: [rabbit.amqpUrl], username: 'guest', password: new Secret('guest') },
    firehose: {
      vhosts: [vhost],
      publish: ['#'],
      deliver: ['#'],
      payload: 'none',
      payloadBytes: 1024,
      maxRate: 1000,
      stopWhen: { memory: 0.7 },
      ...firehose,
    },
    management: guest(rabbit),
    switchedOn: memory(),
    hmacKey: Buffer.from('test'),
    mask: (text) => text,
    identity: testIdentity(),
    emit: sink.emit,
    log: silentLogger,
    metrics,
    now: Date.now,
    backoff: { baseMs: 50, maxMs: 200 },
    lookEveryMs: 100,
    ...changes,
  })
  const started = await source.start()
  cleanups.push(() => started.stop())
  const ready = () => eventually(() => started.value.ready().ok, { what: 'the firehose ready' })
  const metric = async (name: string, labels: Record<string, string> = {}) => {
    const found = await metrics.registry.getSingleMetric(name)?.get()
    return found?.values.find(({ labels: own }) =>
      Object.entries(labels).every(([key, value]) => (own as Record<string, unknown>)[key] === value),
    )?.value
  }
  const traces = () => sink.events().filter(({ event }) => event.dataset === 'rabbitmq.trace')
  return { sink, started, ready, metric, traces }
}

/** A management API whose answers a test sets: a broker's need cannot be had for the asking. */
export async function fakeManagement(vhost: string, cleanups: Cleanups) {
  const broker = {
    memory: 0.1,
    isAlarmed: false,
    isTracing: true,
    isAway: false,
    version: '4.0.5',
    switched: [] as unknown[],
    looks: 0,
  }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '')
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (path === '/api/vhosts') broker.looks++
      if (request.method === 'PUT') broker.switched.push((JSON.parse(body) as { tracing: boolean }).tracing)
      const answers: Record<string, unknown> = {
        '/api/overview': { node: 'rabbit@fake', rabbitmq_version: broker.version },
        '/api/nodes': [{ name: 'rabbit@fake' }],
        '/api/nodes/rabbit%40fake': {
          uptime: 3_600_000,
          mem_used: broker.memory * 1000,
          mem_limit: 1000,
          mem_alarm: broker.isAlarmed,
        },
        '/api/vhosts': [{ name: vhost, tracing: broker.isTracing }],
      }
      response.writeHead(broker.isAway ? 503 : 200).end(JSON.stringify(answers[path] ?? {}))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  )
  const { port } = server.address() as AddressInfo
  return {
    broker,
    account: { url: `http://127.0.0.1:${port}`, username: 'guest', password: new Secret('guest') },
  }
}
