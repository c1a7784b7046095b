import { asKeyValue, type FieldPath, fieldValue, fieldValues } from '../rules/field.ts'
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

/** The address of an event's key where it is plain that it has this one and no other; else undefined: `keysOf` tells. */
export type KeyReader = (event: unknown) => string | undefined

/** Most rules group by nothing, or by one text in plain nested objects. */
export function createKeyReader(groupBy: Rule['groupBy']): KeyReader {
  const [first, second] = groupBy
  if (!first) return () => noKeyId
  if (second || first.path.includes('__proto__')) return () => undefined
  const { path } = first
  const dotted = path.map((_, from) => dottedNames(path, from))
  return (event) => {
    let node = event
    for (let index = 0; index < path.length; index++) {
      if (typeof node !== 'object' || node === null || Array.isArray(node)) return undefined
      const fields = node as Record<string, unknown>
      // What is written with dots would be another value of the same field.
      for (const name of dotted[index] as readonly string[]) if (fields[name] !== undefined) return undefined
      node = fields[path[index] as string]
    }
    return typeof node === 'string' ? textId(node) : undefined
  }
}

/** Of `a.b.c`: `a.b` and `a.b.c`. */
function dottedNames(path: FieldPath, from: number): readonly string[] {
  return path.slice(from + 1).map((_, index) => path.slice(from, from + index + 2).join('.'))
}

/** The address of what stands for all keys beyond the cap. */
export const overflowId = '…'

/** JSON as any other. */
const noKeyId = '[]'

/** Exact, case and type kept: a state's address. A single text is its own, so that it is kept once. */
export function keyId(key: readonly KeyValue[]): string {
  if (key.length === 0) return noKeyId
  const [first] = key
  return key.length === 1 && typeof first === 'string' ? textId(first) : JSON.stringify(key)
}

function textId(text: string): string {
  return text.startsWith('[') || text === overflowId ? JSON.stringify([text]) : text
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
