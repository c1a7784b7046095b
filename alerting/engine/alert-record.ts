import { createHash } from 'node:crypto'
import type { ThumpEvent } from '../../event/event.ts'
import type { Rule } from '../rules/rule.ts'
import { cutText } from '../rules/text.ts'
import type { AlertRecord, KeyValue } from '../transition.ts'
import { namedKey } from './group-keys.ts'
import type { KeyState, OpenAlert } from './key-state.ts'

export const maxAlertSamples = 5
const sampleMessage = 4096

/** The same rule, key and cause always give the same id: a replay cannot make a second alert of it. */
export function alertId(ruleId: string, key: readonly KeyValue[], cause: string): string {
  const parts = [ruleId, JSON.stringify(key), cause]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}

/** An event as an alert keeps it: a body never leaves with an alert, and a long line is cut. */
export function sampleOf(event: ThumpEvent): ThumpEvent {
  const message = typeof event.message === 'string' ? cutText(event.message, sampleMessage) : event.message
  const { amqp } = event
  if (typeof amqp !== 'object' || amqp === null || amqp.body === undefined) return { ...event, message }
  const { bytes, hmac } = amqp.body
  return {
    ...event,
    message,
    amqp: { ...amqp, body: { ...(bytes !== undefined && { bytes }), ...(hmac !== undefined && { hmac }) } },
  }
}

/** What people are told of an alert, as it stands now. */
export function recordOf(
  rule: Rule,
  state: Pick<KeyState, 'key' | 'isOverflow'>,
  alert: OpenAlert,
  resolvedAtMs?: number,
): AlertRecord {
  return {
    id: alert.id,
    ruleId: rule.id,
    key: namedKey(rule, state.key),
    state: resolvedAtMs === undefined ? 'firing' : 'resolved',
    severity: rule.severity,
    ...(rule.owner !== undefined && { owner: rule.owner }),
    labels: rule.labels,
    summary: alert.summary,
    ...(alert.description !== undefined && { description: alert.description }),
    ...(rule.runbook !== undefined && { runbook: rule.runbook }),
    ...(rule.notify && { notify: rule.notify }),
    ...(rule.notifyDefault && { notifyDefault: rule.notifyDefault }),
    count: alert.count,
    firstSeenMs: alert.firstSeenMs,
    lastSeenMs: alert.lastSeenMs,
    ...(resolvedAtMs !== undefined && { resolvedAtMs }),
    samples: alert.samples,
    stage: rule.stage === 'shadow' ? 'shadow' : 'live',
    ...(rule.repeatMs !== undefined && { repeatMs: rule.repeatMs }),
    ...(rule.throttle && { throttle: rule.throttle }),
    ...(rule.digest && { digest: rule.digest }),
    ...(rule.inhibits && { inhibits: rule.inhibits }),
    ...(rule.active && { active: rule.active }),
    ...(state.isOverflow && { isOverflow: true as const }),
  }
}
