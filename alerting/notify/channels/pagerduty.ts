import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import { cutText } from '../../rules/text.ts'
import type { Channel, Wording } from '../channel.ts'
import { tellStory } from '../facts.ts'
import { fieldText } from '../field-text.ts'
import { jsonChannel } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { oneLine } from '../text.ts'

type PagerDutyConfig = Extract<ChannelConfig, { type: 'pagerduty' }>

const severities = { info: 'info', warning: 'warning', high: 'error', critical: 'critical' } as const
const summaryLimit = 1024

/** Events v2: one incident an alert, by its id; a resend cannot open a second one. */
export function openPagerDuty(name: string, config: PagerDutyConfig, wording: Wording): Channel {
  const routingKey = required(config.routingKey, name, 'routingKey').reveal()
  const write = (notice: Notice) => ({ url: config.url, body: pagerDutyEvent(notice, wording, routingKey) })
  return { ...jsonChannel(config, write), showsAcks: true }
}

export function pagerDutyEvent(notice: Notice, wording: Wording, routingKey: string): Record<string, unknown> {
  const [alert] = notice.alerts
  const story = tellStory(notice, wording)
  const dedupKey = notice.digest ? notice.id : alert.id
  if (!notice.digest && (alert.state === 'resolved' || notice.kind === 'acked')) {
    const action = alert.state === 'resolved' ? 'resolve' : 'acknowledge'
    return { routing_key: routingKey, event_action: action, dedup_key: dedupKey }
  }
  return {
    routing_key: routingKey,
    event_action: 'trigger',
    dedup_key: dedupKey,
    client: 'Thump',
    ...(story.link !== undefined && { client_url: story.link }),
    payload: {
      summary: cutText(story.title, summaryLimit),
      source: oneLine(fieldText(alert, 'node') ?? fieldText(alert, 'vhost') ?? 'rabbitmq'),
      severity: severities[alert.severity],
      timestamp: new Date(alert.firstSeenMs).toISOString(),
      class: alert.ruleId,
      ...(alert.owner !== undefined && { group: oneLine(alert.owner) }),
      custom_details: {
        ...Object.fromEntries(story.facts.map(({ name, value }) => [name, value])),
        ...(story.description !== undefined && { description: story.description }),
        ...(story.note !== undefined && { note: story.note }),
        ...(story.lines.length > 0 && { events: story.lines }),
      },
    },
    ...(story.runbook !== undefined &&
      /^https?:\/\//u.test(story.runbook) && { links: [{ href: story.runbook, text: 'Runbook' }] }),
  }
}
