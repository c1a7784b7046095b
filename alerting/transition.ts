import type { ThumpEvent } from '../event/event.ts'

/** What passes from the engine to the people: alerts, and their changes of state in the order they were decided. */

export const severities = ['info', 'warning', 'high', 'critical'] as const
export type Severity = (typeof severities)[number]

export type KeyValue = string | number | boolean

/** Hours in which a rule's alerts are told; see alerting/rules/calendar.ts. */
export interface Calendar {
  /** 1 = Monday … 7 = Sunday; absent = every day. */
  readonly days?: readonly number[]
  /** Minutes of the day, [start, end); end ≤ start crosses midnight. Absent = the whole day. */
  readonly hours?: ReadonlyArray<{ readonly start: number; readonly end: number }>
  readonly tz: string
  /** A country whose public holidays are outside, e.g. `kr`. */
  readonly holidays?: string
}

/** An alert as it stood when a transition was decided. Samples carry no message bodies. */
export interface AlertRecord {
  readonly id: string
  readonly ruleId: string
  /** In `groupBy` order. */
  readonly key: Readonly<Record<string, KeyValue>>
  readonly state: 'firing' | 'resolved'
  readonly severity: Severity
  readonly owner?: string
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly description?: string
  readonly runbook?: string
  /** Channels the rule itself names: replaces routes. */
  readonly notify?: readonly string[]
  /** Channels of the file's `defaults`: serve where no route matches. */
  readonly notifyDefault?: readonly string[]
  readonly count: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly resolvedAtMs?: number
  /** At most 5. */
  readonly samples: readonly ThumpEvent[]
  /** A shadow alert is recorded and told to nobody. */
  readonly stage: 'live' | 'shadow'
  readonly repeatMs?: number
  readonly throttle?: { readonly firstMs: number; readonly doubleUntilMs: number }
  readonly digest?: { readonly waitMs: number; readonly everyMs: number; readonly maxItems: number }
  readonly inhibits?: { readonly rules: readonly string[]; readonly equal: readonly string[] }
  readonly active?: Calendar
  /** Stands for all keys beyond the rule's cap. */
  readonly isOverflow?: true
}

/** One change of state. `seq` grows without gaps in the order of decisions. */
export interface Transition {
  readonly seq: number
  readonly alertId: string
  readonly kind: 'firing' | 'resolved'
  /** Event time of the change. */
  readonly atMs: number
  readonly record: AlertRecord
  /** Decided from events older than `maxEventAge` on arrival: told in one catch-up digest. */
  readonly isCatchUp: boolean
  /** Closes without a message: `quiet`, an instant's end, an edited or removed rule. */
  readonly isSilent: boolean
}
