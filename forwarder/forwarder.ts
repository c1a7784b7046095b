import type { TopicName } from '../event/topics.ts'
import type { Clock } from '../runtime/clock.ts'
import { type Health, readiness } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { retryForever, sleep } from '../runtime/retry.ts'
import { Shutdown, type Started } from '../runtime/shutdown.ts'
import type { Storage } from '../storage/storage.ts'
import type { Consumer, Transport } from '../transport/transport.ts'
import { gapEvent } from './gap-event.ts'
import { LagCheck } from './lag-check.ts'
import { Pipeline } from './pipeline.ts'
import { StallCheck } from './stall-check.ts'
import { createTelemetry } from './telemetry.ts'

export interface ForwarderDeps {
  readonly transport: Transport
  readonly storage: Storage
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
}

const topics: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']
const commitIntervalMs = 1000
/** Read and not yet being written: enough for the next write of each writer. */
const maxQueuedBytes = 4 * 2 ** 20
const setupBackoff = { baseMs: 500, maxMs: 15_000 }
const drainMs = 10_000
/** The same while the storage is away: nothing is lost by stopping, what is not committed is read again. */
const drainAwayMs = 500
/** How long a rebalance waits for writes under way. */
const releaseMs = 5000
/** A tick of the commit loop that is this late means the process hangs. */
const stuckMs = 60_000

/** Moves the topics into the storage; offsets are committed when every outcome before them is settled. */
export async function startForwarder(deps: ForwarderDeps): Promise<Started<Consumer>> {
  const { transport, storage, metrics, health, now } = deps
  const log = deps.log.child({ component: 'forwarder' })
  const telemetry = createTelemetry({ log, metrics })
  const shutdown = new Shutdown()
  const stopping = new AbortController()
  const { signal } = stopping
  const producer = shutdown.own('producer', await transport.createProducer())
  const pipeline = new Pipeline({ store: storage.store, producer, telemetry, writers: 4, maxQueuedBytes })
  let isSetUp = false
  const running = runWriters(pipeline, deps, log, signal, () => (isSetUp = true))
  const consumer: Consumer = shutdown.own(
    'consumer',
    await transport.createConsumer(
      { role: 'forwarder', topics, startAt: 'beginning' },
      {
        room: (gone, firstMs) => pipeline.room(gone, firstMs),
        records: (batch) => pipeline.take(batch, signal),
        revoked: async (partitions) => {
          await consumer.commit(await pipeline.release(partitions, AbortSignal.timeout(releaseMs)))
        },
        gap: async (gap) => {
          telemetry.gap(gap)
          const { rejected } = await producer.send([gapEvent(gap, now())], signal)
          for (const { reason, error } of rejected) log.warn({ reason, error }, 'the event of the gap was refused')
        },
      },
    ),
  )
  showQueue(deps, pipeline)
  const lagCheck = new LagCheck(now())
  const lag = () => {
    const counts = { lags: consumer.lag(), unsettled: pipeline.unsettled, settled: telemetry.settled() }
    return lagCheck.ask(counts, now())
  }
  const stallCheck = new StallCheck(now())
  const stall = () => {
    const canMove = isSetUp && pipeline.queuedBytes > 0 && consumer.isConnected()
    return stallCheck.ask(telemetry.outcomes(), canMove, now())
  }
  let tickMs = now()
  const committing = (async () => {
    while (!signal.aborted) {
      await sleep(commitIntervalMs, signal).catch(() => {})
      tickMs = now()
      // Nobody may ask, and how long nothing moved must be known when somebody does.
      lag()
      stall()
      await consumer.commit(pipeline.due()).catch((error: unknown) => log.warn({ err: error }, 'commit failed'))
    }
  })()
  health.add({ name: 'forwarder-transport', kind: 'ready', ask: () => readiness(consumer.problem()) })
  health.add({ name: 'forwarder-storage', kind: 'ready', ask: () => readiness(storage.store.problem()) })
  health.add({ name: 'forwarder-dead-letters', kind: 'ready', ask: () => telemetry.burying() })
  health.add({ name: 'forwarder-lag', kind: 'ready', ask: lag })
  health.add({ name: 'forwarder-writers', kind: 'live', ask: stall })
  health.add({ name: 'forwarder-loop', kind: 'live', ask: () => ({ ok: now() - tickMs < stuckMs }) })
  log.info({ topics, storage: storage.kind, transport: transport.kind }, 'forwarder started')
  const stop = async () => {
    pipeline.close()
    await pipeline.drained(AbortSignal.timeout(storage.store.isConnected() ? drainMs : drainAwayMs))
    stopping.abort(new Error('forwarder is stopping'))
    await Promise.all([running, committing])
    await consumer.commit(pipeline.due()).catch((error: unknown) => log.warn({ err: error }, 'last commit failed'))
    await shutdown.run(AbortSignal.timeout(drainMs))
  }
  return { value: consumer, stop: once(stop) }
}

/** Templates and files first: a document must not be written into an index without its mapping. */
async function runWriters(
  pipeline: Pipeline,
  { storage }: ForwarderDeps,
  log: Logger,
  signal: AbortSignal,
  onSetUp: () => void,
): Promise<void> {
  try {
    await retryForever(() => storage.store.setup(signal), setupBackoff, signal, {
      onFailure: (error, attempt) => {
        if (attempt === 1) log.error({ err: error }, 'storage cannot be set up yet: tried again until it can')
      },
      onRecovered: (attempts) => log.info({ attempts }, 'storage is set up'),
    })
    storage.store.lookAfter?.()
    onSetUp()
    await pipeline.run(signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function showQueue({ metrics }: ForwarderDeps, pipeline: Pipeline): void {
  metrics.gauge('thump_forwarder_queued_bytes', 'Bytes read and not yet being written', [], (gauge) =>
    gauge.set(pipeline.queuedBytes),
  )
  metrics.gauge('thump_forwarder_unsettled_records', 'Records read and neither stored nor buried yet', [], (gauge) =>
    gauge.set(pipeline.unsettled),
  )
}

function once(stop: () => Promise<void>): () => Promise<void> {
  let stopped: Promise<void> | undefined
  return () => (stopped ??= stop())
}
