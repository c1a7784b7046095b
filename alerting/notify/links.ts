import type { AlertRecord } from '../transition.ts'
import type { Wording } from './channel.ts'
import { relatedQueryText } from './related-query.ts'

const aroundMs = 15 * 60_000

/**
 * Where people look at an alert: the place the configuration names (`links.alert`, e.g. in Kibana), else the console, with
 * the alert's query and time; undefined where there is neither.
 */
export function linkOf(alert: AlertRecord, { publicUrl, alertLink }: Wording): string | undefined {
  const query = relatedQueryText(alert)
  const from = new Date(alert.firstSeenMs - aroundMs).toISOString()
  const to = new Date((alert.resolvedAtMs ?? alert.lastSeenMs) + aroundMs).toISOString()
  if (alertLink !== undefined) {
    const values: Readonly<Record<string, string>> = { query, from, to, id: alert.id, rule: alert.ruleId }
    return alertLink.replace(/\{(\w+)\}/gu, (text, name: string) =>
      values[name] === undefined ? text : encodeURIComponent(values[name]),
    )
  }
  if (publicUrl === undefined) return undefined
  const search = new URLSearchParams({ ...(query !== '' && { query }), from, to })
  return `${baseOf(publicUrl)}/alerts/${encodeURIComponent(alert.id)}?${search.toString()}`
}

/** Where all alerts are listed. */
export function overviewLink({ publicUrl }: Wording): string | undefined {
  return publicUrl === undefined ? undefined : `${baseOf(publicUrl)}/alerts`
}

const baseOf = (url: string) => url.replace(/\/+$/u, '')
