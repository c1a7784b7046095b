import { createJournal, type Journal } from '../../../alerting/journal.ts'
import { createAcks } from '../../../alerting/notify/acks.ts'
import { onTestFinished } from 'vitest'
import { type Notifier, startNotifier } from '../../../alerting/notify/notifier.ts'
import { openStateDatabase, type StateDatabase } from '../../../alerting/state/database.ts'
import { appendTransition } from '../../../alerting/state/outbox.ts'
import type { Transition } from '../../../alerting/transition.ts'
import { alertingSchema } from '../../../runtime/config/schema-alerting.ts'
import { engineSchema } from '../../../alerting/state/outbox.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import { type HttpReceiver, type RecordedRequest, startHttpReceiver } from '../../servers/http-receiver.ts'
import { type SmtpReceiver, type SmtpRequest, startSmtpReceiver } from '../../servers/smtp-receiver.ts'

export interface Alerter {
  readonly db: StateDatabase
  readonly notifier: Notifier
  readonly metrics: Metrics
  readonly journal: Journal
  /** Puts transitions into the outbox in one transaction, as the engine does, and wakes the notifier. */
  readonly decide: (...transitions: Array<Omit<Transition, 'seq'>>) => void
  /** Throws as the notifier does. */
  readonly reconfigure: (config: unknown) => void
  readonly acks: ReturnType<typeof createAcks>
  /** Ends it and starts it anew on the same database. */
  readonly restart: (config?: unknown) => Promise<Alerter>
  readonly stop: () => Promise<void>
}

export interface AlerterDeps {
  readonly path?: string
  readonly clock?: { offsetMs: number }
  /** Instead of `clock`: a wall clock of the test's own, and a monotonic one. */
  readonly now?: () => number
  readonly monotonic?: () => number
  readonly search?: Pick<EventSearch, 'search'>
}

/** The notifier on a database of its own, with a wall clock that can be moved. */
export async function startAlerter(
  alerting: unknown,
  {
    path = ':memory:',
    clock = { offsetMs: 0 },
    now = () => Date.now() + clock.offsetMs,
    monotonic,
    search,
  }: AlerterDeps = {},
): Promise<Alerter> {
  const opened = openStateDatabase(path)
  if (!opened) throw new Error('the database is locked')
  const db = opened.value
  db.migrate('engine', engineSchema)
  const metrics = createMetrics()
  const journal = createJournal(db, { cluster: 'demo', now })
  const started = await startNotifier({
    db,
    journal,
    ...(search && { search }),
    config: alertingSchema.parse(alerting),
    timezone: 'Asia/Seoul',
    log: silentLogger,
    metrics,
    health: createHealth(),
    now,
    ...(monotonic && { monotonic }),
  })
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await started.stop()
    await opened.stop()
  }
  onTestFinished(stop)
  return {
    db,
    notifier: started.value,
    metrics,
    journal,
    decide(...transitions) {
      db.transaction(() => {
        for (const transition of transitions) appendTransition(db, transition)
      })
      started.value.wake()
    },
    reconfigure: (next) => started.value.reconfigure(alertingSchema.parse(next)),
    acks: createAcks(db, now),
    restart: async (config = alerting) => {
      await stop()
      return await startAlerter(config, {
        path,
        clock,
        now,
        ...(monotonic && { monotonic }),
        ...(search && { search }),
      })
    },
    stop,
  }
}

export async function httpReceiver(): Promise<HttpReceiver> {
  const { value, stop } = await startHttpReceiver()
  onTestFinished(stop)
  return value
}

export async function smtpReceiver(request?: SmtpRequest): Promise<SmtpReceiver> {
  const { value, stop } = await startSmtpReceiver(request)
  onTestFinished(stop)
  return value
}

export interface HookBody {
  readonly version: number
  readonly id: string
  readonly reason: string
  readonly note?: string
  readonly alert: {
    id: string
    rule: string
    state: string
    key: Record<string, unknown>
    count: number
    summary: string
  }
  readonly alerts?: ReadonlyArray<{ id: string; rule: string; state: string }>
  readonly digest?: { total: number; shown: number; rules: Array<{ rule: string; count: number }> }
}

export function bodyOf({ body }: RecordedRequest): HookBody {
  return JSON.parse(body) as HookBody
}

/** `firing orders`, `digest 3`: what a webhook was told, in order. */
export function storyOf(receiver: HttpReceiver): string[] {
  return receiver.requests.map((request) => {
    const { reason, alert, digest } = bodyOf(request)
    return digest
      ? `digest ${digest.total}`
      : `${reason}${reason === alert.state ? '' : ` ${alert.state}`} ${String(alert.key['rabbitmq.queue'])}`
  })
}

export async function countOf(metrics: Metrics, channel: string, outcome: string): Promise<number> {
  const values = (await metrics.registry.getSingleMetric('thump_notifications_total')?.get())?.values ?? []
  return values.find(({ labels }) => labels['channel'] === channel && labels['outcome'] === outcome)?.value ?? 0
}
