import { asKeyValue, fieldValue, fieldValues } from '../rules/field.ts'
import type { Rule } from '../rules/rule.ts'
import type { KeyValue } from '../transition.ts'

const noKey: ReadonlyArray<readonly KeyValue[]> = [[]]
/** Keys one event may belong to: a list of lists must not multiply without end. */
const maxKeysOfEvent = 1000

/** The keys an event belongs to, one an element of an array; empty where a field is missing. */
export function keysOf(event: unknown, groupBy: Rule['groupBy']): ReadonlyArray<readonly KeyValue[]> {
  if (groupBy.length === 0) return noKey
  let keys: KeyValue[][] = [[]]
  for (const { path } of groupBy) {
    const single = asKeyValue(fieldValue(event, path))
    if (single === undefined) return []
    const all = fieldValues(event, path)
    if (all.length <= 1) for (const key of keys) key.push(single)
    else {
      const values = [...new Set(all.map(asKeyValue))].filter((value) => value !== undefined)
      keys = keys.flatMap((key) => values.map((value) => [...key, value])).slice(0, maxKeysOfEvent)
    }
  }
  return keys
}

/** The address of what stands for all keys beyond the cap. */
export const overflowId = '…'

/** JSON as any other. */
const noKeyId = '[]'

/** Exact, case and type kept: a state's address. A single text is its own, so that it is kept once. */
export function keyId(key: readonly KeyValue[]): string {
  if (key.length === 0) return noKeyId
  const [first] = key
  return key.length === 1 && typeof first === 'string' && !first.startsWith('[') && first !== overflowId
    ? first
    : JSON.stringify(key)
}

/** The key of an address. */
export function keyOf(id: string): readonly KeyValue[] {
  if (id.startsWith('[')) return JSON.parse(id) as KeyValue[]
  return id === overflowId ? [] : [id]
}

/** A key by its fields' names, in `groupBy` order. */
export function namedKey(rule: Pick<Rule, 'groupBy'>, key: readonly KeyValue[]): Record<string, KeyValue> {
  const named: Record<string, KeyValue> = {}
  rule.groupBy.forEach(({ name }, index) => {
    const value = key[index]
    if (value !== undefined) named[name] = value
  })
  return named
}
