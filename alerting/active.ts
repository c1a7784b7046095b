import type { EncodedRecord } from '../event/encode.ts'
import type { TopicName } from '../event/topics.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import type { Health } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { Shutdown, type Started } from '../runtime/shutdown.ts'
import type { EventSearch } from '../storage/storage.ts'
import type { Consumer, ConsumerHandlers, TopicPartitionOffset, Transport } from '../transport/transport.ts'
import { Committer } from './committer.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { startHistory } from './history.ts'
import { createJournal } from './journal.ts'
import { type Notifier, startNotifier } from './notify/notifier.ts'
import type { Rule } from './rules/rule.ts'
import { engineSchema } from './state/outbox.ts'
import type { StateDatabase } from './state/database.ts'
import { loadState, trimAlerts } from './state/engine-store.ts'
import { createTelemetry } from './telemetry.ts'
import type { KeyValue } from './transition.ts'

export interface ActiveDeps {
  readonly config: Config
  readonly transport: Transport
  /** For the context of a message; the alerter works without it. */
  readonly search: EventSearch
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
}

/** The alerter that holds the lock. */
export interface ActiveAlerter {
  replaceRules(rules: readonly Rule[]): Promise<void>
  /** Sends the alerter's own events, in the background. */
  publish(records: readonly EncodedRecord[]): void
  /** The alerts, and what people do with them. */
  readonly notifier: Notifier
  stateOf(ruleId: string, key: readonly KeyValue[]): ReturnType<Engine['stateOf']>
  status(): ReturnType<Engine['status']>
  /** Why the transport is not connected; undefined while it is. */
  transportProblem(): string | undefined
  /** When the loop last turned, wall clock. */
  tickedMs(): number
}

const topics: readonly TopicName[] = ['APP', 'AMQP', 'METRIC', 'THUMP']
const tickMs = 500
const trimEveryMs = 3_600_000
const drainMs = 10_000

/** Reads, decides, writes and tells, from the last committed state on. */
export async function startActive(
  db: StateDatabase,
  rules: readonly Rule[],
  deps: ActiveDeps,
): Promise<Started<ActiveAlerter>> {
  const { config, transport, search, log, metrics, health, now } = deps
  const { alerting } = config
  const telemetry = createTelemetry({ log, metrics })
  const shutdown = new Shutdown()
  const stopping = new AbortController()
  db.migrate('engine', engineSchema)
  const engine = createEngine({
    allowedLatenessMs: alerting.allowedLateness,
    maxEventAgeMs: alerting.maxEventAge,
    costClock: () => performance.now(),
    counts: telemetry.counts,
  })
  engine.start(rules, loadState(db), now())
  const producer = shutdown.own('producer', await transport.createProducer())
  const journal = createJournal(db, { cluster: config.cluster, now })
  const history = shutdown.own('history', startHistory({ db, journal, producer, cluster: config.cluster, log }))
  let inhibitTargets = inhibitedBy(rules)
  const timezone = config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  const notifier = shutdown.own(
    'notifier',
    await startNotifier({
      db,
      journal,
      search,
      config: alerting,
      timezone,
      log,
      metrics,
      health,
      now,
      inhibitTargets: () => inhibitTargets,
      async closeAlert(alertId) {
        if (!engine.closeAlert(alertId, now())) return false
        await committer.commit()
        return true
      },
    }),
  )
  let consumer: Consumer | undefined
  // Only for lag and retention, and so with the ticks: where reading goes on is in the database.
  const untold = new Map<string, TopicPartitionOffset>()
  const tellOffsets = () => {
    const offsets = [...untold.values()]
    untold.clear()
    if (offsets.length > 0)
      consumer?.commit(offsets).catch((err: unknown) => log.debug({ err }, 'offsets are not told'))
  }
  const committer = new Committer({
    engine,
    db,
    telemetry,
    signal: stopping.signal,
    onCommitted({ transitions, positions }) {
      if (transitions.length > 0) {
        history.wake()
        notifier.wake()
      }
      for (const { topic, partition, next } of positions)
        untold.set(`${topic} ${partition}`, { topic, partition, offset: next })
    },
  })
  await committer.commit()
  const handlers = createHandlers({ engine, committer, telemetry, now })
  const started = await transport.createConsumer({ role: 'alerting', topics, startAt: alerting.startAt }, handlers)
  consumer = shutdown.own('consumer', started)
  const ticking = startTicks({ engine, committer, db, tellOffsets, now, log })
  shutdown.add('offsets', async () => tellOffsets())
  // Ticks stop first; then the consumer, whose last decisions are written as its partitions are given back.
  shutdown.add('ticks', ticking.stop)
  const value: ActiveAlerter = {
    replaceRules(next) {
      inhibitTargets = inhibitedBy(next)
      engine.replaceRules(next, now())
      return committer.commit()
    },
    publish(records) {
      if (records.length === 0) return
      producer.send(records, stopping.signal).catch((err: unknown) => {
        if (!stopping.signal.aborted) log.error({ err }, 'own events are not sent')
      })
    },
    notifier,
    stateOf: (ruleId, key) => engine.stateOf(ruleId, key),
    status: () => engine.status(),
    transportProblem: () => started.value.problem(),
    tickedMs: ticking.value,
  }
  const stop = async () => {
    const aborted = setTimeout(() => stopping.abort(new Error('alerting is stopping')), drainMs / 2)
    await shutdown.run(AbortSignal.timeout(drainMs))
    clearTimeout(aborted)
    stopping.abort(new Error('alerting is stopping'))
  }
  return { value, stop }
}

/** Rules whose alerts wait a moment for an inhibitor. */
function inhibitedBy(rules: readonly Rule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ inhibits }) => inhibits?.rules ?? []))
}

function createHandlers({
  engine,
  committer,
  telemetry,
  now,
}: {
  engine: Engine
  committer: Committer
  telemetry: ReturnType<typeof createTelemetry>
  now: Clock
}): ConsumerHandlers {
  // A stop while the disk refuses must not look like a mistake of the handler's.
  const commit = () => committer.commit().catch(() => {})
  return {
    assigned: (partitions) =>
      Promise.resolve(
        partitions.flatMap(({ topic, partition }) => {
          engine.assign(topic, partition)
          const offset = engine.nextOffset(topic, partition)
          return offset === undefined ? [] : [{ topic, partition, offset }]
        }),
      ),
    async revoked(partitions) {
      await commit()
      for (const { topic, partition } of partitions) engine.revoke(topic, partition)
    },
    async records(batch) {
      const startedMs = performance.now()
      engine.take(batch, now())
      telemetry.taken(batch.topic, batch.records.length)
      // Without a decision the tick writes: a window that is lost with its offset is read again.
      if (!engine.hasTransitions() && !committer.isFailing) return
      await commit()
      telemetry.decisionSeconds.observe((performance.now() - startedMs) / 1000)
    },
    gap(gap) {
      telemetry.gap(gap)
      engine.jump(gap.topic, gap.partition, gap.to)
      return Promise.resolve()
    },
    caughtUp: ({ topic, partition }, atMs) => engine.caughtUp(topic, partition, atMs),
  }
}

/** Time passes without events as well: decides what is due, and writes what no decision has written. */
function startTicks({
  engine,
  committer,
  db,
  tellOffsets,
  now,
  log,
}: {
  engine: Engine
  committer: Committer
  db: StateDatabase
  tellOffsets: () => void
  now: Clock
  log: Logger
}): Started<() => number> {
  let atMs = now()
  let trimmedMs = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  const tick = async () => {
    atMs = now()
    engine.settle(atMs)
    await committer.commit()
    tellOffsets()
    if (atMs - trimmedMs < trimEveryMs) return
    trimmedMs = atMs
    trimAlerts(db, atMs)
  }
  const timer = setInterval(() => {
    running ??= tick()
      .catch((err: unknown) => log.error({ err }, 'tick failed'))
      .finally(() => {
        running = undefined
      })
  }, tickMs)
  const stop = async () => {
    clearInterval(timer)
    await running
  }
  return { value: () => atMs, stop }
}
