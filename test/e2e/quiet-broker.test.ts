import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { eventually } from '../servers/eventually.ts'
import { type RabbitmqVersion, startRabbitmq } from '../servers/rabbitmq.ts'
import { runThump } from '../servers/run-thump.ts'
import { connectApp, createMonitor, type WatchedBroker } from './watched-broker.ts'

/** How long the broker is quiet; `npm run soak` takes an hour. */
const quietMs = Number(process.env['THUMP_QUIET_SECONDS'] ?? 30) * 1000
const versions = (process.env['THUMP_QUIET_VERSIONS'] ?? '4.0').split(' ') as RabbitmqVersion[]
const startMs = 180_000

test.each(versions)(
  'the whole rule pack is silent over a quiet, healthy broker, and awake: %s',
  { timeout: quietMs + startMs },
  async (version) => {
    const started = await startRabbitmq(version)
    onTestFinished(() => started.stop(), 60_000)
    const broker = started.value
    const ask = await watch(broker)
    onTestFinished(await liveHealthily(broker))
    const since = await watermark(ask)
    await eventually(async () => (await watermark(ask)) - since > quietMs, {
      withinMs: quietMs + 60_000,
      everyMs: 500,
      what: 'the time of quiet',
    })
    expect(await ask('alerts')).toEqual({ alerts: [] })
    await deleteAQueue(broker)
    await eventually(async () => {
      const { alerts } = (await ask('alerts')) as { alerts: ReadonlyArray<{ rule: string }> }
      return alerts.some(({ rule }) => rule === 'queue-deleted')
    })
  },
)

type Ask = (path: string) => Promise<unknown>

/** Thump beside the broker, with every source on and every rule of the pack. Logs from now on: the start was before. */
async function watch(broker: WatchedBroker): Promise<Ask> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-quiet-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [port = 0] = await freePorts(1)
  const monitor = await createMonitor(broker, 'mon')
  const config = {
    cluster: 'quiet',
    dataDir: join(dir, 'data'),
    agent: {
      logs: [{ paths: [broker.logFile], startAt: 'end' }],
      amqp: { url: broker.amqpUrl, ...monitor },
      firehose: { enabled: true },
      tracing: { username: 'guest', password: 'guest' },
      resources: { url: broker.managementUrl, interval: '5s' },
    },
    alerting: {
      rules: [join(import.meta.dirname, '../../deploy/rules/*.yaml')],
      listen: `127.0.0.1:${port}`,
    },
    log: { level: 'warn' },
  }
  const up = await runThump(['up'], { config: stringify(config) })
  onTestFinished(async () => void (await up.kill()))
  await up.ready()
  return async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { signal: AbortSignal.timeout(5000) })
    return response.json()
  }
}

/** How far the node's resources are decided upon, in event time. */
async function watermark(ask: Ask): Promise<number> {
  return eventually(async () => {
    const { rules } = (await ask('rules')) as { rules: ReadonlyArray<{ id: string; watermarkMs?: number }> }
    return rules.find(({ id }) => id === 'memory-high')?.watermarkMs
  })
}

/** A publisher and a consumer that keep up, and a second client that comes and goes as it should. */
async function liveHealthily(broker: WatchedBroker): Promise<() => Promise<void>> {
  const connection = await connectApp(broker, 'orders')
  const channel = await connection.createChannel()
  await channel.assertQueue('orders', { durable: true })
  await channel.consume('orders', (message) => message && channel.ack(message))
  let working = Promise.resolve()
  const timer = setInterval(() => {
    channel.sendToQueue('orders', Buffer.from('order'))
    working = working.then(async () => {
      const guest = await connect(broker.amqpUrl, { timeout: 10_000 })
      await guest.close()
    })
    working.catch(() => {})
  }, 3000)
  return async () => {
    clearInterval(timer)
    await working
    await connection.close()
  }
}

async function deleteAQueue(broker: WatchedBroker): Promise<void> {
  const connection = await connectApp(broker, 'somebody')
  const channel = await connection.createChannel()
  await channel.assertQueue('invoices', { durable: true })
  await channel.deleteQueue('invoices')
  await connection.close()
}
