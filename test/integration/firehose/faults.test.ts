import type { Channel } from 'amqplib'
import { connect } from 'amqplib'
import { Kafka as KafkaJs, logLevel } from 'kafkajs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Broker } from '../../../demo/broker/start-broker.ts'
import { sleep } from '../../../runtime/retry.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { type Kafka, startKafka } from '../../servers/kafka.ts'
import { startRabbitmq } from '../../servers/rabbitmq.ts'
import { runThump, type ThumpProcess } from '../../servers/run-thump.ts'

/** How long Kafka stays away, in seconds; ten minutes in the soak. */
const awayS = Number(process.env['THUMP_FIREHOSE_AWAY_S'] ?? 5)
const body = Buffer.alloc(1024, 'x')
const queue = 'shop.orders'

/** Publishes and consumes on a queue of its own, and counts both: the truth that estimates are held to. */
async function startLoad(broker: Broker) {
  const connection = await connect(broker.amqpUrl)
  connection.on('error', () => {})
  const [publisher, consumer] = [await connection.createConfirmChannel(), await connection.createChannel()]
  await publisher.assertQueue(queue, { durable: false })
  const truth = { published: 0, delivered: 0 }
  await consumer.consume(queue, () => truth.delivered++, { noAck: true })
  return {
    truth,
    happened: () => truth.published + truth.delivered,
    /** As fast as the broker confirms; all are delivered at the end. */
    async burst(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        await put(publisher)
        truth.published++
      }
      await publisher.waitForConfirms()
      await eventually(() => truth.delivered === truth.published, { what: 'every message delivered' })
    },
    close: () => connection.close(),
  }
}

function put(channel: Channel): Promise<void> | void {
  if (channel.sendToQueue(queue, body)) return
  return new Promise((resolve) => void channel.once('drain', resolve))
}

/** What the agent says of itself on /metrics. */
async function metricsOf(agent: ThumpProcess) {
  const text = await (await fetch(`${agent.healthUrl}/metrics`, { signal: AbortSignal.timeout(5000) })).text()
  const sum = (name: string, labels: string) =>
    [...text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))]
      .filter(([, found = '']) => found.includes(labels))
      .reduce((total, [, , value]) => total + Number(value), 0)
  return {
    read: sum('thump_events_read_total', 'source="firehose"'),
    dropped: sum('thump_events_dropped_total', 'source="firehose"'),
    delivered: sum('thump_events_delivered_total', 'topic="AMQP"'),
    lost: sum('thump_firehose_broker_dropped_estimate', ''),
    unwatched: sum('thump_firehose_unwatched', ''),
    coverage: sum('thump_firehose_coverage_ratio', ''),
  }
}

async function inKafka(kafka: Kafka): Promise<number> {
  const admin = new KafkaJs({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const offsets = await admin.fetchTopicOffsets('AMQP')
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  } finally {
    await admin.disconnect()
  }
}

const traceQueues = async (broker: Broker) =>
  ((await broker.api('GET', '/api/queues')) as Array<{ name: string; messages?: number }>).filter(({ name }) =>
    name.startsWith('mon.fh.'),
  )

async function memoryOf(broker: Broker): Promise<{ used: number; isAlarmed: boolean }> {
  const node = (await broker.api('GET', `/api/nodes/${encodeURIComponent(broker.nodeName)}`)) as Record<string, unknown>
  return { used: Number(node['mem_used']), isAlarmed: node['mem_alarm'] === true || node['disk_free_alarm'] === true }
}

async function expectHealthy(broker: Broker, before: number): Promise<void> {
  // A trace queue holds 32 MiB at most; what its process had not read yet goes, and the allocator lets go, with time.
  await eventually(async () => (await memoryOf(broker)).used < before + 400 * 2 ** 20, {
    what: 'the memory of the broker bounded',
  })
  expect((await memoryOf(broker)).isAlarmed).toBe(false)
}

test(
  'stopped, flooded, without Kafka, killed: the broker stays healthy, our drops are exact, its drops are estimated',
  async () => {
    const shutdown = new Shutdown()
    onTestFinished(() => shutdown.run(AbortSignal.timeout(60_000)), 70_000)
    const [rabbit, log] = await Promise.all([startRabbitmq('4.0'), startKafka()])
    const broker = shutdown.own('rabbitmq', rabbit)
    const kafka = shutdown.own('kafka', log)
    await broker.ctl('trace_on')
    const dataDir = mkdtempSync(join(tmpdir(), 'thump-firehose-'))
    shutdown.add('dataDir', async () => rmSync(dataDir, { recursive: true, force: true }))
    const config = JSON.stringify({
      dataDir,
      transport: { kind: 'kafka', kafka: { brokers: kafka.brokers, createTopics: { partitions: 1 } } },
      agent: {
        amqp: { url: broker.amqpUrl, username: 'guest', password: 'guest' },
        events: { enabled: false },
        resources: { url: broker.managementUrl, queues: 'off' },
        firehose: { enabled: true, maxRate: 700, stopWhen: { memory: 1 } },
      },
    })
    const agent = await runThump(['agent'], { config })
    shutdown.add('agent', async () => void (await agent.kill()))
    await agent.ready()
    const load = await startLoad(broker)
    shutdown.add('load', () => load.close())
    // A node that has just started knows nothing of itself yet.
    const before = await eventually(async () => (await memoryOf(broker)).used || undefined)

    /** All that was read is accounted for, in Kafka or by reason; what was not read is estimated. */
    const expectAccounted = async (what: string) => {
      const found = await eventually(
        async () => {
          const metrics = await metricsOf(agent)
          const lost = load.happened() - metrics.read - metrics.unwatched
          if (metrics.read !== metrics.delivered + metrics.dropped || metrics.read === 0) return undefined
          return Math.abs(metrics.lost - lost) <= 0.05 * lost ? metrics : undefined
        },
        { withinMs: 60_000, everyMs: 500, what: `${what}: read = delivered + dropped, and the estimate within 5 %` },
      )
      expect(await inKafka(kafka), what).toBe(found.delivered)
      return found
    }

    await load.burst(300)
    const quiet = await expectAccounted('a quiet day')
    expect(quiet).toMatchObject({ read: 600, dropped: 0, lost: 0 })
    await eventually(async () => (await metricsOf(agent)).coverage === 1, { what: 'all of it covered' })

    // Ten times the rate that may be handed on.
    await load.burst(10_000)
    const burst = await expectAccounted('a burst')
    expect(burst.dropped).toBeGreaterThan(100)
    await expectHealthy(broker, before)

    agent.signal('SIGSTOP')
    await load.burst(20_000)
    // Bounded, or gone with its connection where heartbeats have been missed; the broker's own figures are seconds old.
    await eventually(
      async () => {
        const queues = await traceQueues(broker)
        return queues.length === 0 || (queues[0]?.messages ?? 0) >= 10_000
      },
      { what: 'a full trace queue' },
    )
    for (const { messages = 0 } of await traceQueues(broker)) expect(messages).toBeLessThanOrEqual(10_500)
    await expectHealthy(broker, before)
    agent.signal('SIGCONT')
    const paused = await expectAccounted('SIGSTOP')
    expect(paused.lost).toBeGreaterThan(10_000)

    await kafka.kill()
    await load.burst(20_000)
    const startedMs = Date.now()
    while (Date.now() - startedMs < awayS * 1000) {
      await load.burst(100)
      await sleep(200)
    }
    await expectHealthy(broker, before)
    await kafka.start()
    await load.burst(100)
    await expectAccounted('Kafka away')

    await agent.kill()
    await eventually(async () => (await traceQueues(broker)).length === 0, { what: 'the trace queue gone' })
    await load.burst(5000)
    await expectHealthy(broker, before)
  },
  240_000 + awayS * 1500,
)
