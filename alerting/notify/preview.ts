import type { ThumpEvent } from '../../event/event.ts'
import type { Rule } from '../rules/rule.ts'
import type { AlertRecord, KeyValue } from '../transition.ts'
import { noticeJson } from './alert-json.ts'
import type { Wording } from './channel.ts'
import { mailText } from './channels/email-body.ts'
import { slackMessage } from './channels/slack-blocks.ts'
import type { Notice } from './notice.ts'

const lastedMs = 180_000

/** A made-up alert of a rule: its fields have values one can recognise as examples. */
export function previewNotice(rule: Rule, isResolved: boolean, nowMs: number): Notice {
  const event = exampleEvent(rule, nowMs)
  const scope = { key: 'example', count: 1, rule: rule.id, severity: rule.severity, owner: rule.owner ?? '' }
  const key: Record<string, KeyValue> = {}
  for (const { name } of rule.groupBy) key[name] = exampleOf(name)
  const record: AlertRecord = {
    id: 'example',
    ruleId: rule.id,
    key,
    state: isResolved ? 'resolved' : 'firing',
    severity: rule.severity,
    ...(rule.owner !== undefined && { owner: rule.owner }),
    labels: rule.labels,
    summary: rule.summary.render(event, scope),
    ...(rule.description && { description: rule.description.render(event, scope) }),
    ...(rule.runbook !== undefined && { runbook: rule.runbook }),
    count: 1,
    firstSeenMs: nowMs - lastedMs,
    lastSeenMs: nowMs - lastedMs,
    ...(isResolved && { resolvedAtMs: nowMs }),
    samples: [event],
    stage: 'live',
  }
  const context = { related: [earlier(event, nowMs)], episodes: 2 }
  return { id: 'thump_example', kind: isResolved ? 'resolved' : 'firing', alerts: [record], context }
}

/** As each medium would show it. */
export function renderPreview(notice: Notice, wording: Wording, output: 'text' | 'html' | 'slack' | 'json'): string {
  if (output === 'slack') return JSON.stringify(slackMessage(notice, wording), undefined, 2)
  if (output === 'json') return JSON.stringify(noticeJson(notice, wording), undefined, 2)
  return mailText(notice, wording)[output]
}

const examples: Readonly<Record<string, string>> = {
  'rabbitmq.vhost': '/',
  'rabbitmq.queue': 'orders',
  'rabbitmq.exchange': 'shop',
  'user.name': 'app',
  'source.ip': '192.0.2.7',
  'client.name': 'order-service',
  'service.node.name': 'rabbit@mq1',
}

function exampleOf(name: string): string {
  return examples[name] ?? `example ${name.split('.').at(-1) ?? name}`
}

/** Has every field that the rule's texts and its key name. */
function exampleEvent({ summary, description, groupBy }: Rule, nowMs: number): ThumpEvent {
  const event: ThumpEvent = {
    '@timestamp': new Date(nowMs - lastedMs).toISOString(),
    event: { id: 'example', dataset: 'rabbitmq.event' },
    message: 'an example of an event that the rule would match',
    service: { type: 'rabbitmq', node: { name: exampleOf('service.node.name') } },
    agent: { id: 'example', version: '0' },
    user: { name: exampleOf('user.name') },
    source: { ip: exampleOf('source.ip'), port: 52114 },
    client: { name: exampleOf('client.name') },
    rabbitmq: { attribution: 'amqp' },
  }
  const paths = [...summary.fields, ...(description?.fields ?? []), ...groupBy.map(({ path }) => path)]
  for (const path of paths) place(event, path, exampleOf(path.join('.')))
  return event
}

/** Something that happened around it. */
function earlier(event: ThumpEvent, nowMs: number): ThumpEvent {
  return {
    ...event,
    '@timestamp': new Date(nowMs - lastedMs - 42_000).toISOString(),
    event: { id: 'example-before', dataset: 'rabbitmq.event' },
    message: 'an example of what happened before it on the same connection or queue',
  }
}

function place(event: ThumpEvent, path: readonly string[], value: string): void {
  let node = event as Record<string, unknown>
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(node, step) ? node[step] : undefined
    const inner = typeof next === 'object' && next !== null ? next : Object.create(null)
    node[step] = inner
    node = inner as Record<string, unknown>
  }
  const last = path.at(-1)
  if (last !== undefined && !Object.hasOwn(node, last)) node[last] = value
}
