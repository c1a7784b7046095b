import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { AlertRecord } from '../../transition.ts'
import type { Channel, Wording } from '../channel.ts'
import { linkOf } from '../links.ts'
import { jsonChannel } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { oneLine, severalLines } from '../text.ts'

type AlertmanagerConfig = Extract<ChannelConfig, { type: 'alertmanager' }>

/** As many in one push as a digest may hold: Alertmanager groups for itself. */
const showsAtLeast = 5000
/** An alert that is no longer resent ends by itself after so many intervals. */
const missedResends = 4

/** Pushes alerts, and again each `resend` while they fire: else Alertmanager would resolve them. */
export function openAlertmanager(name: string, config: AlertmanagerConfig, wording: Wording): Channel {
  const url = `${config.url.replace(/\/+$/u, '')}/api/v2/alerts`
  const { username } = config
  const password = username === undefined ? undefined : required(config.password, name, 'password').reveal()
  const authorization = `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`
  const channel = jsonChannel(config, (notice, { nowMs }) => ({
    url,
    headers: username === undefined ? {} : { authorization },
    body: alertmanagerAlerts(notice, wording, nowMs + missedResends * config.resend),
  }))
  return { ...channel, resendMs: config.resend, showsAtLeast }
}

export function alertmanagerAlerts(notice: Notice, wording: Wording, untilMs: number): unknown[] {
  return notice.alerts.map((alert) => {
    const link = linkOf(alert, wording)
    return {
      labels: labelsOf(alert),
      annotations: {
        summary: oneLine(alert.summary, 1000),
        ...(alert.description !== undefined && { description: severalLines(alert.description) }),
        ...(alert.runbook !== undefined && { runbook_url: oneLine(alert.runbook, 1000) }),
        count: String(alert.count),
      },
      startsAt: new Date(alert.firstSeenMs).toISOString(),
      endsAt: new Date(alert.resolvedAtMs ?? untilMs).toISOString(),
      ...(link !== undefined && { generatorURL: link }),
    }
  })
}

/** What makes it the same alert there: nothing that changes while it fires. */
function labelsOf(alert: AlertRecord): Record<string, string> {
  const labels: Record<string, string> = {}
  const set = (name: string, value: string) => {
    const label = name.replace(/[^a-zA-Z0-9_]/gu, '_').replace(/^(?=\d)/u, '_')
    if (value !== '') labels[label] = oneLine(value)
  }
  for (const [name, value] of Object.entries(alert.labels)) set(name, value)
  for (const [name, value] of Object.entries(alert.key)) set(name, String(value))
  if (alert.owner !== undefined) set('owner', alert.owner)
  return { ...labels, alertname: alert.ruleId, severity: alert.severity }
}
