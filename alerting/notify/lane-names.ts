import type { RouteConfig } from '../../runtime/config/schema-alerting.ts'
import type { Transition } from '../transition.ts'
import { fieldText } from './field-text.ts'

/** Where deliveries of one channel gather to be told in one message. */
export interface Lane {
  readonly name: string
  readonly waitMs: number
  readonly everyMs: number
  readonly maxItems: number
}

const shownItems = 10
const catchUp: Lane = { name: 'catch-up', waitMs: 5000, everyMs: 60_000, maxItems: shownItems }

/** The lane of a transition in a route, if it is to gather: old events, the rule's digest, the route's groups. */
export function laneOf(
  { isCatchUp, record }: Pick<Transition, 'isCatchUp' | 'record'>,
  routeIndex: number | undefined,
  route: RouteConfig | undefined,
): Lane | undefined {
  if (isCatchUp) return catchUp
  if (record.digest) {
    const { waitMs, everyMs, maxItems } = record.digest
    return { name: `rule ${record.ruleId}`, waitMs, everyMs, maxItems }
  }
  if (!route?.group) return undefined
  const values = route.group.by.map((name) => fieldText(record, name) ?? '')
  const name = `group ${routeIndex ?? ''} ${JSON.stringify(values)}`
  return { name, waitMs: route.group.wait, everyMs: route.group.interval, maxItems: shownItems }
}
