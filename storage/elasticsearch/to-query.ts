import { asNumber } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import type { TimeRange } from '../storage.ts'
import { fields } from './mapping.ts'

export type EsQuery = { readonly [clause: string]: unknown }

const nothing: EsQuery = { match_none: {} }

/** A search as Elasticsearch's own. */
export function toQuery(node: QueryNode): EsQuery {
  switch (node.kind) {
    case 'all':
      return { match_all: {} }
    case 'and':
      return { bool: { filter: node.nodes.map(toQuery) } }
    case 'or':
      return { bool: { should: node.nodes.map(toQuery), minimum_should_match: 1 } }
    case 'not':
      return { bool: { must_not: [toQuery(node.node)] } }
    case 'exists':
      return { exists: { field: fieldOf(node.path) } }
    case 'text':
      return text(node.text, node.isPhrase)
    case 'range':
      return range(node)
    case 'field':
      return field(node)
  }
}

export function inRange(query: QueryNode, { sinceMs, untilMs }: TimeRange): EsQuery {
  const bounds = {
    ...(sinceMs !== undefined && { gte: new Date(sinceMs).toISOString() }),
    ...(untilMs !== undefined && { lt: new Date(untilMs).toISOString() }),
  }
  const filter = [toQuery(query), ...(Object.keys(bounds).length > 0 ? [{ range: { '@timestamp': bounds } }] : [])]
  return { bool: { filter } }
}

/** Aggregations and equality need the exact text: an address has it beside the number that it is. */
export function fieldOf(path: string): string {
  return typeOf(path) === 'ip' ? `${path}.text` : path
}

function typeOf(path: string): string {
  const known = fields[path]?.['type']
  if (typeof known === 'string') return known
  if (path === 'message' || path === 'amqp.body.content') return 'text'
  const isOpen = Object.entries(fields).some(([name, { type }]) => type === 'flattened' && path.startsWith(`${name}.`))
  return isOpen ? 'flattened' : 'double'
}

function field({ path, value, isPattern }: QueryNode & { kind: 'field' }): EsQuery {
  const type = typeOf(path)
  switch (type) {
    case 'keyword':
    case 'ip':
    case 'flattened': {
      const name = fieldOf(path)
      return isPattern
        ? { wildcard: { [name]: { value: wildcard(value), case_insensitive: true } } }
        : { term: { [name]: { value, case_insensitive: true } } }
    }
    case 'text':
      // Text is indexed by words: a pattern is looked for among them.
      return isPattern
        ? { wildcard: { [path]: { value: wildcard(value), case_insensitive: true } } }
        : { match_phrase: { [path]: value } }
    case 'boolean':
      return value === 'true' || value === 'false' ? { term: { [path]: value === 'true' } } : nothing
    case 'date': {
      const atMs = asNumber(value)
      return atMs === undefined ? nothing : { term: { [path]: new Date(atMs).toISOString() } }
    }
    default: {
      const number = Number(value)
      return isPattern || Number.isNaN(number) ? nothing : { term: { [path]: number } }
    }
  }
}

function range({ path, op, value }: QueryNode & { kind: 'range' }): EsQuery {
  const bound = asNumber(value)
  if (bound === undefined) return nothing
  return { range: { [path]: { [op]: typeOf(path) === 'date' ? new Date(bound).toISOString() : bound } } }
}

/** Whole words in their order, or a part of one word: Korean words carry particles, identifiers have parts. */
function text(words: string, isPhrase: boolean): EsQuery {
  const phrase = { match_phrase: { message: words } }
  if (isPhrase && /\s/.test(words)) return phrase
  const part = { wildcard: { message: { value: `*${escape(words)}*`, case_insensitive: true } } }
  return { bool: { should: [phrase, part], minimum_should_match: 1 } }
}

/** Our `*` is theirs; `?` is none of ours. */
function wildcard(pattern: string): string {
  return pattern.replace(/\\(?!\*)|\?/g, (sign) => `\\${sign}`)
}

function escape(literal: string): string {
  return literal.replace(/[\\*?]/g, (sign) => `\\${sign}`)
}
