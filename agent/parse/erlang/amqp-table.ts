import type { Json } from '../../../event/event.ts'
import { parseTerm } from './term.ts'

const maxEntries = 128
const scalarTypes = new Set([
  'longstr',
  'shortstr',
  'binary',
  'bool',
  'byte',
  'short',
  'signedint',
  'long',
  'timestamp',
  'float',
  'double',
  'decimal',
  'unsignedbyte',
  'unsignedshort',
  'unsignedint',
])

/** An AMQP table as the event exchange prints it, one `{<<"key">>,type,value}` an item; what cannot be read is left out. */
export function parseAmqpTable(items: unknown): Record<string, Json> {
  if (!Array.isArray(items)) return {}
  const entries: Array<[string, Json]> = []
  for (const item of items.slice(0, maxEntries)) {
    const entry = entryOf(typeof item === 'string' ? parseTerm(item) : undefined)
    if (entry) entries.push(entry)
  }
  // Not assignment: a key named __proto__ must stay a key.
  return Object.fromEntries(entries)
}

function entryOf(term: Json | undefined): [string, Json] | undefined {
  if (!Array.isArray(term)) return undefined
  const [key, type, value] = term as readonly Json[]
  if (typeof key !== 'string' || key === '') return undefined
  // Maps of policies print as `{<<"key">>,value}`.
  if (term.length === 2 && type !== undefined) return [key, type]
  if (term.length !== 3 || typeof type !== 'string' || value === undefined) return undefined
  return [key, typed(type, value)]
}

function typed(type: string, value: Json): Json {
  if (scalarTypes.has(type)) return value
  if (type === 'void') return null
  if (type === 'array' && Array.isArray(value)) {
    return (value as readonly Json[]).map((item) =>
      Array.isArray(item) && typeof item[0] === 'string' ? typed(item[0], (item[1] ?? null) as Json) : item,
    )
  }
  if (type === 'table' && Array.isArray(value)) {
    return Object.fromEntries((value as readonly Json[]).map(entryOf).filter((entry) => entry !== undefined))
  }
  return value
}
