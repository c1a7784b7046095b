import type { ThumpEvent } from '../../event/event.ts'
import type { QueryNode } from './query.ts'

/** Does a live event satisfy the query? The same meaning as the stores give it; text is looked for as a substring of `message`. */
export function matchesQuery(query: QueryNode, event: ThumpEvent): boolean {
  switch (query.kind) {
    case 'all':
      return true
    case 'and':
      return query.nodes.every((node) => matchesQuery(node, event))
    case 'or':
      return query.nodes.some((node) => matchesQuery(node, event))
    case 'not':
      return !matchesQuery(query.node, event)
    case 'field': {
      const test = query.isPattern ? wildcard(query.value) : (text: string) => text === fold(query.value)
      return valuesAt(event, query.path).some((value) => test(fold(String(value))))
    }
    case 'range':
      return valuesAt(event, query.path).some((value) => compares(value, query.op, query.value))
    case 'exists':
      return valuesAt(event, query.path).length > 0
    case 'text':
      return fold(event.message).includes(fold(query.text))
  }
}

/** Case and Unicode form do not matter in a search. */
export function fold(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** What stands between the stars of a pattern, folded. */
export function patternParts(pattern: string): string[] {
  return fold(pattern)
    .split(/(?<!\\)\*/)
    .map((part) => part.replaceAll('\\*', '*'))
}

function wildcard(pattern: string): (text: string) => boolean {
  const parts = patternParts(pattern)
  return (text) => {
    const first = parts[0] ?? ''
    const last = parts.at(-1) ?? ''
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
    let at = first.length
    for (const part of parts.slice(1, -1)) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= text.length - last.length
  }
}

/** Nested and dotted names, and every element of arrays on the way. */
export function valuesAt(value: unknown, path: string): unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path))
  if (path === '') return [value]
  if (typeof value !== 'object') return []
  const record = value as Record<string, unknown>
  const found: unknown[] = []
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const key = path.slice(0, end)
    if (Object.hasOwn(record, key)) found.push(...valuesAt(record[key], path.slice(end + 1)))
  }
  return found
}

type Op = (QueryNode & { kind: 'range' })['op']

/** Numbers by number, times by time, all else by text. */
function compares(value: unknown, op: Op, bound: string): boolean {
  const left = asNumber(value)
  const right = asNumber(bound)
  if (left === undefined || right === undefined) return false
  switch (op) {
    case 'gt':
      return left > right
    case 'gte':
      return left >= right
    case 'lt':
      return left < right
    case 'lte':
      return left <= right
  }
}

/** A number, or a date's milliseconds. */
export function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const number = Number(value)
  if (!Number.isNaN(number)) return number
  const time = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
