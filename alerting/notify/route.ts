import type { RouteConfig } from '../../runtime/config/schema-alerting.ts'
import type { AlertRecord } from '../transition.ts'
import { fieldText } from './field-text.ts'

/** Where one alert goes, and what holds on the way; `route` is the index of the route that named the channel. */
export interface Destination {
  readonly channel: string
  readonly route?: number
}

/**
 * The channels of an alert: those the rule names; else those of the first matching route and, while a route says
 * `continue`, of the next ones; else those of the rule file's defaults. Each channel once, by the first that named it.
 */
export function destinationsOf(alert: AlertRecord, routes: readonly RouteConfig[]): Destination[] {
  if (alert.notify && alert.notify.length > 0) return unique(alert.notify.map((channel) => ({ channel })))
  const found: Destination[] = []
  for (const [index, route] of routes.entries()) {
    if (!matches(alert, route)) continue
    found.push(...route.to.map((channel) => ({ channel, route: index })))
    if (!route.continue) break
  }
  if (found.length > 0) return unique(found)
  return unique((alert.notifyDefault ?? []).map((channel) => ({ channel })))
}

function unique(destinations: readonly Destination[]): Destination[] {
  const seen = new Set<string>()
  return destinations.filter(({ channel }) => !seen.has(channel) && seen.add(channel))
}

type Wanted = string | readonly string[] | undefined

function matches(alert: AlertRecord, { match }: RouteConfig): boolean {
  return (
    isOneOf(alert.severity, match.severity) &&
    isOneOf(alert.owner, match.owner) &&
    isOneOf(alert.ruleId, match.rule) &&
    isOneOf(fieldText(alert, 'vhost'), match.vhost) &&
    isOneOf(fieldText(alert, 'node'), match.node) &&
    Object.entries(match.labels ?? {}).every(([name, wanted]) => isOneOf(alert.labels[name], wanted))
  )
}

/** `*` at either end of a pattern stands for anything. */
function isOneOf(value: string | undefined, wanted: Wanted): boolean {
  if (wanted === undefined) return true
  return value !== undefined && [wanted].flat().some((pattern) => matchesPattern(value, pattern))
}

function matchesPattern(value: string, pattern: string): boolean {
  if (pattern === '*') return true
  if (pattern.length > 2 && pattern.startsWith('*') && pattern.endsWith('*'))
    return value.includes(pattern.slice(1, -1))
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1))
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern
}
