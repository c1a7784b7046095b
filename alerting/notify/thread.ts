import type { AlertRecord } from '../transition.ts'

/** Rule and key: the unit of order and of throttling. */
export function threadOf({ ruleId, key }: AlertRecord): string {
  return `${ruleId} ${JSON.stringify(Object.values(key))}`
}
