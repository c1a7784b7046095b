import type { Clock } from '../../runtime/clock.ts'
import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import type { Health } from '../../runtime/health.ts'
import type { Logger } from '../../runtime/log.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { EventSearch } from '../../storage/storage.ts'
import type { Journal } from '../journal.ts'
import type { StateDatabase } from '../state/database.ts'
import { type Wording, wordingFor } from './channel.ts'
import { ChannelSet } from './channel-set.ts'
import { createClockWatch } from './clock-watch.ts'
import { createDeadChannels } from './dead-channel.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import { createGate } from './gate.ts'
import { startHeartbeat } from './heartbeat.ts'
import { createHousekeeping } from './housekeeping.ts'
import { createInhibition } from './inhibition.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createPlanner, type Planner } from './planner.ts'
import { createOperator, type Operator } from './operator.ts'
import { createRelated } from './related.ts'
import { notifySchema } from './schema.ts'
import { createSettler, type Settler } from './settle.ts'
import { createSift } from './sift.ts'
import { createSilenceNotices } from './silence-notice.ts'
import { createSilences } from './silences.ts'
import { createTelemetry } from './telemetry.ts'
import { Ticker } from './ticker.ts'

/** Tells people what the engine decided. */
export interface Notifier {
  /** There is something new in the outbox, or a silence or an ack has changed. Cheap; call it after each commit. */
  wake(): void
  /** Takes new channels and routes; throws ConfigError, and the old ones stay. */
  reconfigure(config: AlertingConfig): void
  /** Sends one made-up alert through a channel, past every gate. */
  test(channel: string): Promise<{ ok: boolean; detail: string }>
  /** What the people on duty do. */
  readonly operator: Operator
  /** All that can be told at this instant has been told. */
  isIdle(): boolean
  /** As it is now: it may be reloaded. */
  config(): AlertingConfig
  /** What messages are written with at present. */
  wording(): Wording
}

export interface NotifierDeps {
  readonly db: StateDatabase
  readonly journal: Journal
  readonly config: AlertingConfig
  readonly timezone: string
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
  /** Monotonic ms; default: the process's own. */
  readonly monotonic?: () => number
  /** For the context of a message. */
  readonly search?: Pick<EventSearch, 'search'>
  /** Rules that another rule inhibits: their alerts wait a moment for it. */
  readonly inhibitTargets?: () => Iterable<string>
  /** Ends an alert that the engine holds; false where it holds none of this id. */
  readonly closeAlert?: (alertId: string) => Promise<boolean>
}

/** How long a stop waits for what is being sent. */
const drainMs = 5000
const stalledMs = 60_000

/** Throws ConfigError where a channel cannot work as configured; nothing is started then. */
export async function startNotifier(deps: NotifierDeps): Promise<Started<Notifier>> {
  const { db, journal, timezone, now, metrics, health, inhibitTargets = () => [] } = deps
  const monotonic = deps.monotonic ?? (() => performance.now())
  let config = deps.config
  const wordingOf = (alerting: AlertingConfig) => wordingFor(alerting, timezone)
  db.migrate('notify', notifySchema)
  const telemetry = createTelemetry({ log: deps.log.child({ component: 'alerting.notify' }), metrics })
  const deliveries = createDeliveries(db)
  const lanes = createLanes(db, deliveries)
  const inhibition = createInhibition(db, inhibitTargets)
  const parts = { db, journal, deliveries, lanes, telemetry, config: () => config }
  const silences = createSilences(db, now)
  const gate = createGate({ ...parts, silences, inhibition, timezone })
  const sift = createSift({ ...parts, gate })
  const settler = createSettler(parts)
  const planner = createPlanner(parts)
  const related = createRelated({ search: deps.search, telemetry, monotonicMs: monotonic })
  const deadChannels = createDeadChannels(db)
  const channels = new ChannelSet({ ...parts, gate, sift, settler, deadChannels, related, now, monotonic })
  channels.configure(config, wordingOf(config), timezone)
  const housekeeping = createHousekeeping(db, planner, createSilenceNotices({ db, silences, timezone }))
  const clockWatch = createClockWatch(db, monotonic)
  const tick = createTick({ ...parts, planner, settler, channels, housekeeping, clockWatch })
  const ticker = new Ticker({ now, telemetry, tick })
  channels.onSettled = () => ticker.wake()
  const operator = createOperator({
    db,
    journal,
    now,
    close: deps.closeAlert ?? (async () => false),
    showAck: (alert, deed) => channels.showAck(alert, deed),
    wake: () => ticker.wake(),
  })
  const isAlive = () => now() - ticker.lastTickMs < stalledMs
  health.add({ name: 'notifier', kind: 'live', ask: () => ({ ok: isAlive() }) })
  const startBeating = () => startHeartbeat({ heartbeat: config.heartbeat, telemetry, isAlive, now })
  let heartbeat = startBeating()
  return {
    value: {
      wake: () => ticker.wake(),
      reconfigure(next) {
        channels.configure(next, wordingOf(next), timezone)
        config = next
        const { stop } = heartbeat
        heartbeat = startBeating()
        void stop()
        ticker.wake()
      },
      test: (channel) => channels.test(channel),
      operator,
      isIdle: () => ticker.isIdle && channels.isIdle,
      config: () => config,
      wording: () => wordingOf(config),
    },
    stop: async () => {
      await heartbeat.stop()
      await ticker.stop()
      await channels.stop(AbortSignal.timeout(drainMs))
    },
  }
}

interface TickDeps {
  readonly db: StateDatabase
  readonly deliveries: Deliveries
  readonly lanes: Lanes
  readonly planner: Planner
  readonly settler: Settler
  readonly channels: ChannelSet
  readonly housekeeping: { tick(nowMs: number): void }
  readonly clockWatch: { tick(nowMs: number): void }
}

/** One turn: plans what is new, does what is due, and says when the next thing will be. */
function createTick({ db, deliveries, lanes, planner, settler, channels, housekeeping, clockWatch }: TickDeps) {
  return (nowMs: number): number => {
    clockWatch.tick(nowMs)
    const hasMore = planner.planBatch(nowMs)
    db.transaction(() => {
      deliveries.wakeHeld(nowMs)
      lanes.flushDue(nowMs)
      settler.handOn(nowMs)
      settler.repeat(nowMs)
    })
    channels.wake()
    housekeeping.tick(nowMs)
    if (hasMore) return nowMs
    return Math.min(deliveries.nextDueMs() ?? Number.POSITIVE_INFINITY, lanes.nextDueMs() ?? Number.POSITIVE_INFINITY)
  }
}
