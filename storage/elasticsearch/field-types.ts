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
/** What holds mapped fields is there where one of them is: the server knows that without a document. */
const objects: ReadonlySet<string> = new Set([...Object.keys(fields), ...measured, ...texts].flatMap(parents))
const openMapOf = (path: string) => openMaps.find((name) => path.startsWith(`${name}.`))

export function fieldType(path: string): FieldType {
  if (path === 'event.id') return 'id'
  if (texts.some((text) => text === path)) return 'text'
  if (measured.some((name) => path.startsWith(`${name}.`))) return 'measured'
  const known = fields[path]?.['type']
  if (known !== undefined) return known as FieldType
  return openMapOf(path) === undefined ? 'unknown' : 'flattened'
}

/** Can its values be counted without reading every document? OpenSearch counts those of an open map as none. */
export function hasColumn(path: string, { property: adapt, reads }: Dialect): boolean {
  if (fieldType(path) === 'unknown') return false
  const openMap = openMapOf(path)
  if (openMap !== undefined && reads === 'scripts') return false
  const property = fields[openMap ?? path]
  return property === undefined || adapt(property)['doc_values'] !== false
}

const numeric: ReadonlySet<FieldType> = new Set(['long', 'double', 'date', 'measured'])

/** What asks for one field. */
export type Clause = QueryNode & { readonly kind: 'field' | 'range' | 'exists' }

/** As what its field is read from the documents; undefined where an index answers. Open maps hold words, and answer no wildcards. */
function readAs(clause: Clause): RuntimeType | undefined {
  const type = fieldType(clause.path)
  if (clause.kind === 'range') return numeric.has(type) ? undefined : isNumber(clause.value) ? 'double' : 'date'
  const isUnanswerable =
    clause.kind === 'exists'
      ? type === 'unknown' && !objects.has(clause.path)
      : type === 'unknown' || (type === 'flattened' && clause.isPattern)
  return isUnanswerable ? 'keyword' : undefined
}

/**
 * Has a script to answer? Of the keys of an open map OpenSearch does not know which is within which, and it fails to look for
 * what holds an open map.
 */
export function needsScript(clause: Clause, { reads }: Dialect): boolean {
  if (reads === 'fields') return false
  if (clause.kind === 'exists' && (openMapOf(clause.path) !== undefined || objects.has(clause.path))) return true
  return readAs(clause) !== undefined
}

/** The fields of a query that have to be read from the documents. */
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
    case 'field':
    case 'exists': {
      const type = readAs(query)
      // One field is one thing in one search: what it is compared as decides.
      if (type !== undefined && (query.kind === 'range' || !found.has(query.path))) found.set(query.path, type)
      break
    }
    case 'all':
    case 'text':
      break
  }
  return found
}

export function isNumber(text: string): boolean {
  return text.trim() !== '' && !Number.isNaN(Number(text))
}

/** `a.b.c`: a, a.b */
function parents(path: string): string[] {
  const names = path.split('.').slice(0, -1)
  return names.map((_, index) => names.slice(0, index + 1).join('.'))
}
