import type { KeyValue } from '../transition.ts'

/** A field's path, split at its dots. */
export type FieldPath = readonly string[]

export function fieldPath(text: string): FieldPath {
  return (text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text).split('.')
}

/**
 * Every value a path has in an event: nested, dotted and mixed JSON alike, an array for each of its elements. Nulls and
 * empty results are absent. Own properties only: `__proto__` in an event is data.
 */
export function fieldValues(event: unknown, path: FieldPath): unknown[] {
  const found: unknown[] = []
  collect(event, path, 0, found)
  return found
}

/** The first value, or undefined. */
export function fieldValue(event: unknown, path: FieldPath): unknown {
  // The common case without a list: plain nested objects.
  let node: unknown = event
  for (let index = 0; index < path.length; index++) {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return fieldValues(event, path)[0]
    const step: string = path[index] as string
    node = (node as Record<string, unknown>)[step]
    // Asking for each whether it is its own costs more than the rest: all that is inherited are functions, and `__proto__`.
    if (node === undefined || step === '__proto__') return fieldValues(event, path)[0]
  }
  if (Array.isArray(node) || node === null || typeof node === 'function') return fieldValues(event, path)[0]
  return node
}

function collect(node: unknown, path: FieldPath, from: number, found: unknown[]): void {
  if (node === null || node === undefined) return
  if (Array.isArray(node)) {
    for (const item of node) collect(item, path, from, found)
    return
  }
  if (from === path.length) {
    found.push(node)
    return
  }
  if (typeof node !== 'object') return
  let name = ''
  for (let to = from; to < path.length; to++) {
    name = to === from ? (path[to] as string) : `${name}.${path[to] as string}`
    if (Object.hasOwn(node, name)) collect((node as Record<string, unknown>)[name], path, to + 1, found)
  }
}

/** A value that may stand in a key. */
export function asKeyValue(value: unknown): KeyValue | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}
