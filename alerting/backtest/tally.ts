import type { NewTransition } from '../engine/changes.ts'
import type { SkipReason } from '../engine/key-state.ts'
import type { Rule } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'

/** What one rule would have done. */
export interface RuleTally {
  readonly id: string
  readonly stage: Rule['stage']
  readonly severity: Rule['severity']
  /** Events that satisfied its conditions. */
  matched: number
  late: number
  /** Events without a field the rule needs, by reason. */
  readonly skipped: Partial<Record<SkipReason, number>>
  firings: number
  resolved: number
  readonly open: Set<string>
  /** By day, `2026-11-27`, in the configured zone. */
  readonly days: Map<string, number>
  readonly keys: Map<string, number>
  /** Firings of keys beyond the first ten thousand: they have no line of their own. */
  otherKeys: number
  readonly samples: Array<{ readonly atMs: number; readonly summary: string; readonly count: number }>
}

const maxKeys = 10_000
const maxOpen = 1_000_000
const maxSamples = 3

/** Counts what a replay decides; memory is bounded by rules, days and ten thousand keys a rule. */
export class Tally {
  readonly #rules: Map<string, RuleTally>
  readonly #dayOf: (atMs: number) => string
  invalid = 0
  ahead = 0
  longText = 0

  constructor(rules: readonly Rule[], timezone: string) {
    this.#rules = new Map(rules.filter(({ stage }) => stage !== 'off').map((rule) => [rule.id, newTally(rule)]))
    this.#dayOf = dayNamer(timezone)
  }

  readonly counts = {
    matched: (rule: string, count: number) => this.#of(rule, (tally) => (tally.matched += count)),
    late: (rule: string) => this.#of(rule, (tally) => tally.late++),
    skipped: (rule: string, reason: SkipReason) =>
      this.#of(rule, ({ skipped }) => {
        skipped[reason] = (skipped[reason] ?? 0) + 1
      }),
    evicted: () => {},
    invalid: () => {
      this.invalid++
    },
    ahead: () => {
      this.ahead++
    },
    longText: () => {
      this.longText++
    },
  }

  add({ kind, atMs, alertId, record }: NewTransition): void {
    this.#of(record.ruleId, (tally) => {
      if (kind === 'resolved') {
        if (tally.open.delete(alertId)) tally.resolved++
        return
      }
      tally.firings++
      if (tally.open.size < maxOpen) tally.open.add(alertId)
      const day = this.#dayOf(atMs)
      tally.days.set(day, (tally.days.get(day) ?? 0) + 1)
      const key = keyText(record.key)
      const known = tally.keys.get(key)
      if (known !== undefined || tally.keys.size < maxKeys) tally.keys.set(key, (known ?? 0) + 1)
      else tally.otherKeys++
      if (tally.samples.length < maxSamples) tally.samples.push({ atMs, summary: record.summary, count: record.count })
    })
  }

  rules(): readonly RuleTally[] {
    return [...this.#rules.values()]
  }

  #of(id: string, change: (tally: RuleTally) => void): void {
    const tally = this.#rules.get(id)
    if (tally) change(tally)
  }
}

function newTally({ id, stage, severity }: Rule): RuleTally {
  return {
    id,
    stage,
    severity,
    matched: 0,
    late: 0,
    skipped: {},
    firings: 0,
    resolved: 0,
    open: new Set(),
    days: new Map(),
    keys: new Map(),
    otherKeys: 0,
    samples: [],
  }
}

/** `rabbitmq.vhost=/ rabbitmq.queue=orders`; empty without groupBy. */
export function keyText(key: Readonly<Record<string, KeyValue>>): string {
  return Object.entries(key)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

const hourMs = 3_600_000

/** The day of an instant in a zone; days change at full quarter hours in every zone there is. */
function dayNamer(timezone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  let quarter = Number.NaN
  let name = ''
  return (atMs) => {
    const at = Math.floor(atMs / (hourMs / 4))
    if (at !== quarter) {
      quarter = at
      name = format.format(atMs)
    }
    return name
  }
}
