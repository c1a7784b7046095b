import type { TopicName } from '../../event/topics.ts'
import type { Calendar, KeyValue, Severity } from '../transition.ts'
import type { Condition } from './condition.ts'
import type { FieldPath } from './field.ts'
import type { RuleTest } from './schema.ts'
import type { Template } from './template.ts'

/** A number's bound; which side it is on decides whether arrival or the passing of time settles it. */
export interface Bound {
  readonly operator: 'gt' | 'gte' | 'lt' | 'lte'
  readonly value: number
}

export interface Step {
  readonly condition: Condition
  readonly isNot: boolean
  readonly topics: readonly TopicName[]
}

export type Spec =
  | { readonly kind: 'match'; readonly resolveWhen?: Condition; readonly quietMs?: number }
  | {
      readonly kind: 'count'
      readonly bound: Bound
      readonly withinMs: number
      readonly expectKeys: ReadonlyArray<readonly KeyValue[]>
    }
  | { readonly kind: 'absence'; readonly forMs: number; readonly expectKeys: ReadonlyArray<readonly KeyValue[]> }
  | {
      readonly kind: 'spike'
      readonly direction: 'up' | 'down' | 'both'
      readonly ratio: number
      readonly windowMs: number
      readonly minReference: number
      readonly minCurrent: number
    }
  | { readonly kind: 'change'; readonly field: FieldPath }
  | {
      readonly kind: 'newValue'
      readonly fields: readonly FieldPath[]
      readonly rememberMs: number
      readonly learnMs: number
    }
  | { readonly kind: 'distinct'; readonly field: FieldPath; readonly bound: Bound; readonly withinMs: number }
  | {
      readonly kind: 'ratio'
      readonly of: Condition
      readonly bound: Bound
      readonly withinMs: number
      readonly minTotal: number
    }
  | {
      readonly kind: 'metric'
      readonly field: FieldPath
      readonly divisor?: FieldPath
      readonly op: 'avg' | 'min' | 'max' | 'sum' | 'p95' | 'rate'
      readonly bound: Bound
      readonly withinMs: number
      readonly forMs: number
    }
  | {
      readonly kind: 'sequence'
      readonly steps: readonly Step[]
      readonly withinMs: number
      readonly isOrdered: boolean
    }
  | {
      readonly kind: 'composite'
      readonly allOf: readonly string[]
      readonly anyOf: readonly string[]
      readonly atLeast?: number
      readonly withinMs: number
    }

export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A rule, checked and complete: what the engine runs. */
export interface Rule {
  readonly id: string
  readonly topics: readonly TopicName[]
  readonly where: Condition
  /** As written, for keys; with their paths. */
  readonly groupBy: ReadonlyArray<{ readonly name: string; readonly path: FieldPath }>
  readonly spec: Spec
  readonly severity: Severity
  readonly stage: 'live' | 'shadow' | 'off'
  readonly owner?: string
  readonly labels: Readonly<Record<string, string>>
  readonly summary: Template
  readonly description?: Template
  readonly runbook?: string
  readonly notify?: readonly string[]
  readonly notifyDefault?: readonly string[]
  readonly repeatMs?: number
  readonly throttle?: { readonly firstMs: number; readonly doubleUntilMs: number }
  readonly digest?: { readonly waitMs: number; readonly everyMs: number; readonly maxItems: number }
  readonly inhibits?: { readonly rules: readonly string[]; readonly equal: readonly string[] }
  readonly active?: Calendar
  readonly latenessMs: number
  readonly maxKeys: number
  readonly tests: readonly RuleTest[]
  /** Where each test stands in the file. */
  readonly testLines?: readonly number[]
  readonly place: Place
  /** Changes with type, topic, where, groupBy or windows: then the rule's state starts anew. */
  readonly fingerprint: string
}

/** Every condition a rule puts to an event. */
export function conditionsOf({ where, spec }: Pick<Rule, 'where' | 'spec'>): readonly Condition[] {
  switch (spec.kind) {
    case 'match':
      return spec.resolveWhen ? [where, spec.resolveWhen] : [where]
    case 'ratio':
      return [where, spec.of]
    case 'sequence':
      return [where, ...spec.steps.map(({ condition }) => condition)]
    default:
      return [where]
  }
}

/** How far back a rule looks: what is at or before the watermark minus this is late for it. */
export function reachMs(spec: Spec): number {
  switch (spec.kind) {
    case 'count':
    case 'distinct':
    case 'ratio':
    case 'sequence':
      return spec.withinMs
    case 'absence':
      return spec.forMs
    case 'spike':
      return 2 * spec.windowMs
    case 'metric':
      return 2 * spec.withinMs + spec.forMs
    default:
      return Number.POSITIVE_INFINITY
  }
}

export function meets({ operator, value }: Bound, number: number): boolean {
  switch (operator) {
    case 'gt':
      return number > value
    case 'gte':
      return number >= value
    case 'lt':
      return number < value
    case 'lte':
      return number <= value
  }
}

/** Upper bounds are reached by an event; lower ones only by the want of them. */
export function isEager({ operator }: Bound): boolean {
  return operator === 'gt' || operator === 'gte'
}
