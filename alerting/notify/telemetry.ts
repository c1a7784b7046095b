import type { Logger } from '../../runtime/log.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { AlertRecord } from '../transition.ts'
import type { Delivery } from './deliveries.ts'

export type Outcome = 'delivered' | 'retry' | 'rejected' | 'held' | 'dropped' | 'unrouted' | 'unknown-channel'

/** Every log line and counter of the notifier. */
export function createTelemetry({ log, metrics }: { readonly log: Logger; readonly metrics: Metrics }) {
  const total = metrics.counter('thump_notifications_total', 'Notifications by channel and outcome', [
    'channel',
    'outcome',
  ])
  const latency = metrics.histogram(
    'thump_notification_delay_seconds',
    'From the decision to the confirmed delivery',
    [0.05, 0.1, 0.25, 1, 5, 30, 120, 600, 3600],
    ['channel'],
  )
  const count = (channel: string, outcome: Outcome, by = 1) => total.inc({ channel, outcome }, by)
  return {
    count,
    delivered(delivery: Delivery, nowMs: number): void {
      count(delivery.channel, 'delivered')
      latency.observe({ channel: delivery.channel }, Math.max(0, nowMs - delivery.created_ms) / 1000)
      log.info({ channel: delivery.channel, kind: delivery.kind, alert: delivery.alert_id }, 'notification delivered')
    },
    rejected(delivery: Delivery, detail: string): void {
      count(delivery.channel, 'rejected')
      const { channel, kind, alert_id: alert, rule } = delivery
      log.error({ channel, kind, alert, rule, detail }, 'notification rejected for good')
    },
    failing(channel: string, detail: string): void {
      log.warn({ channel, detail }, 'channel does not take notifications')
    },
    recovered(channel: string, failures: number): void {
      log.info({ channel, failures }, 'channel takes notifications again')
    },
    unrouted({ ruleId, id }: AlertRecord): void {
      count('none', 'unrouted')
      log.warn({ rule: ruleId, alert: id }, 'no channel for this alert')
    },
    unknownChannel({ ruleId }: AlertRecord, channel: string): void {
      count('none', 'unknown-channel')
      log.warn({ rule: ruleId, channel }, 'rule names a channel that is not configured')
    },
    abandoned(channel: string, deliveries: number): void {
      count('none', 'dropped', deliveries)
      log.warn({ channel, deliveries }, 'channel is no longer configured: its deliveries are dropped')
    },
    contextMissing(error: unknown): void {
      log.debug({ err: error }, 'related events not found in time: the message goes without them')
    },
    broken(error: unknown): void {
      log.error({ err: error }, 'notifier failed')
    },
  }
}

export type Telemetry = ReturnType<typeof createTelemetry>
