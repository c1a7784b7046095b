import type { QueryNode } from '../query/query.ts'
import type { Dialect } from './dialect.ts'
import { fields, measured, texts } from './mapping.ts'

/** How a path can be asked for. `unknown` is kept in the documents and not indexed. */
export type FieldType =
  | 'keyword'
  | 'ip'
  | 'flattened'
  | 'text'
  | 'boolean'
  | 'date'
  | 'long'
  | 'double'
  | 'id'
  | 'measured'
  | 'unknown'

/** Read from the documents as they were written, while searching: slower, and only where no index can answer. */
export type RuntimeType = 'keyword' | 'double' | 'date'
export type Runtime = ReadonlyMap<string, RuntimeType>

const openMaps = Object.keys(fields).filter((name) => fields[name]?.['type'] === 'flattened')
const openMapOf = (path: string) => openMaps.find((name) => path.startsWith(`${name}.`))

export function fieldType(path: string): FieldType {
  if (path === 'event.id') return 'id'
  if (texts.some((text) => text === path)) return 'text'
  if (measured.some((name) => path.startsWith(`${name}.`))) return 'measured'
  const known = fields[path]?.['type']
  if (known !== undefined) return known as FieldType
  return openMapOf(path) === undefined ? 'unknown' : 'flattened'
}

/** Can its values be counted without reading every document? */
export function hasColumn(path: string, { property: adapt }: Dialect): boolean {
  if (fieldType(path) === 'unknown') return false
  const property = fields[openMapOf(path) ?? path]
  return property === undefined || adapt(property)['doc_values'] !== false
}

const numeric: ReadonlySet<FieldType> = new Set(['long', 'double', 'date', 'measured'])

/** The fields of a query that have to be read from the documents: open maps hold words, not numbers. */
export function runtimeFields(query: QueryNode, found = new Map<string, RuntimeType>()): Map<string, RuntimeType> {
  switch (query.kind) {
    case 'and':
    case 'or':
      for (const node of query.nodes) runtimeFields(node, found)
      break
    case 'not':
      runtimeFields(query.node, found)
      break
    case 'range':
      if (!numeric.has(fieldType(query.path))) found.set(query.path, isNumber(query.value) ? 'double' : 'date')
      break
    case 'field':
      if (!found.has(query.path) && isUnanswerable(query)) found.set(query.path, 'keyword')
      break
    case 'exists':
      if (!found.has(query.path) && fieldType(query.path) === 'unknown') found.set(query.path, 'keyword')
      break
    case 'all':
    case 'text':
      break
  }
  return found
}

/** Open maps answer no wildcards. */
function isUnanswerable({ path, isPattern }: QueryNode & { readonly kind: 'field' }): boolean {
  const type = fieldType(path)
  return type === 'unknown' || (type === 'flattened' && isPattern)
}

export function isNumber(text: string): boolean {
  return text.trim() !== '' && !Number.isNaN(Number(text))
}
