import type { ThumpEvent } from '../../event/event.ts'
import type { AlertRecord } from '../transition.ts'
import type { Wording } from './channel.ts'
import { linkOf } from './links.ts'
import type { Notice } from './notice.ts'

/** What a webhook or a command is given: the documented shape, see docs. Bodies are not in it. */
export function noticeJson(notice: Notice, wording: Wording): Record<string, unknown> {
  const [alert] = notice.alerts
  return {
    version: 1,
    id: notice.id,
    reason: notice.kind,
    ...(notice.note !== undefined && { note: notice.note }),
    alert: alertJson(alert, wording),
    ...(notice.context && {
      related: notice.context.related.map(withoutBody),
      episodes: notice.context.episodes,
    }),
    ...(notice.digest && {
      digest: {
        total: notice.digest.total,
        shown: notice.digest.shown,
        rules: notice.digest.rules,
        reason: notice.digest.reason,
      },
      alerts: notice.alerts.map((each) => alertJson(each, wording)),
    }),
  }
}

/** An alert as programs are given it: by a webhook, and by the alerter's own API. */
export function alertJson(alert: AlertRecord, wording: Wording): Record<string, unknown> {
  const link = linkOf(alert, wording)
  return {
    id: alert.id,
    rule: alert.ruleId,
    state: alert.state,
    key: alert.key,
    severity: alert.severity,
    ...(alert.owner !== undefined && { owner: alert.owner }),
    labels: alert.labels,
    summary: alert.summary,
    ...(alert.description !== undefined && { description: alert.description }),
    ...(alert.runbook !== undefined && { runbook: alert.runbook }),
    ...(link !== undefined && { link }),
    count: alert.count,
    firstSeen: new Date(alert.firstSeenMs).toISOString(),
    lastSeen: new Date(alert.lastSeenMs).toISOString(),
    ...(alert.resolvedAtMs !== undefined && { resolvedAt: new Date(alert.resolvedAtMs).toISOString() }),
    ...(alert.isOverflow && { isOverflow: true }),
    samples: alert.samples.map(withoutBody),
  }
}

/** The engine keeps no bodies; this holds even if it did. */
function withoutBody(event: ThumpEvent): ThumpEvent {
  if (typeof event.amqp?.body !== 'object') return event
  const { bytes, hmac } = event.amqp.body
  return {
    ...event,
    amqp: { ...event.amqp, body: { ...(bytes !== undefined && { bytes }), ...(hmac !== undefined && { hmac }) } },
  }
}
