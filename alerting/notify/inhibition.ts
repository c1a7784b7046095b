import type { StateDatabase } from '../state/database.ts'
import { readAlert } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'
import { fieldText } from './field-text.ts'

type Values = Readonly<Record<string, string | null>>

/** The values by which an inhibitor and its targets belong together; null where there is none. */
export function equalValues(alert: AlertRecord, fields: readonly string[]): Values {
  return Object.fromEntries(fields.map((field) => [field, fieldText(alert, field) ?? null]))
}

/** Missing equals nothing: not even missing. */
export function isSame(alert: AlertRecord, values: Values): boolean {
  return Object.entries(values).every(([field, value]) => value !== null && fieldText(alert, field) === value)
}

/** In an inhibitor's rules: whatever rule it is. */
const anyRule = '*'

interface Inhibitor {
  readonly id: string
  readonly rules: readonly string[]
  readonly values: Values
}

/** Which alerts are kept quiet because another one fires. From the database: it survives a restart. */
export function createInhibition(db: StateDatabase, knownTargets: () => Iterable<string>) {
  function firing(): Inhibitor[] {
    const rows = db
      .prepare("SELECT id, inhibits, equal FROM notify_alerts WHERE inhibits IS NOT NULL AND state = 'firing'")
      .all() as Array<{ id: string; inhibits: string; equal: string }>
    return rows.map(({ id, inhibits, equal }) => ({
      id,
      rules: JSON.parse(inhibits) as string[],
      values: JSON.parse(equal) as Values,
    }))
  }
  const holds = (alert: AlertRecord, { id, rules, values }: Inhibitor) =>
    id !== alert.id && (rules.includes(alert.ruleId) || rules.includes(anyRule)) && isSame(alert, values)

  return {
    /** No chains: who is inhibited inhibits nobody. */
    isInhibited(alert: AlertRecord): boolean {
      const inhibitors = firing()
      return inhibitors.some((inhibitor) => {
        if (!holds(alert, inhibitor)) return false
        const itself = readAlert(db, inhibitor.id)
        return itself === undefined || !inhibitors.some((other) => holds(itself, other))
      })
    },
    isAnyFiring: (): boolean =>
      db.prepare("SELECT 1 FROM notify_alerts WHERE inhibits IS NOT NULL AND state = 'firing' LIMIT 1").get() !==
      undefined,
    /** May another rule inhibit this one? Then it waits a moment for it; not for one that inhibits every rule: that one is told of beforehand. */
    isTarget(ruleId: string): boolean {
      for (const target of knownTargets()) if (target === ruleId) return true
      return firing().some(({ rules }) => rules.includes(ruleId))
    },
  }
}

export type Inhibition = ReturnType<typeof createInhibition>
