import { asNumber } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import type { TimeRange } from '../storage.ts'
import { byScript } from './by-script.ts'
import type { Dialect } from './dialect.ts'
import { type Clause, type FieldType, fieldType, isNumber, needsScript, type Runtime } from './field-types.ts'

export type EsQuery = { readonly [clause: string]: unknown }

const nothing: EsQuery = { match_none: {} }

export interface Reading {
  readonly dialect: Dialect
  /** Fields that are read from the documents, as that type. */
  readonly runtime: Runtime
}

/** A search as the server's own. */
export function toQuery(node: QueryNode, reading: Reading): EsQuery {
  switch (node.kind) {
    case 'all':
      return { match_all: {} }
    case 'and':
      return { bool: { filter: node.nodes.map((inner) => toQuery(inner, reading)) } }
    case 'or':
      return either(node.nodes.map((inner) => toQuery(inner, reading)))
    case 'not':
      return { bool: { must_not: [toQuery(node.node, reading)] } }
    case 'text':
      return text('message', node.text, node.isPhrase)
    case 'exists':
    case 'range':
    case 'field':
      return needsScript(node, reading.dialect) ? byScript(node) : clause(node, reading.runtime)
  }
}

function clause(node: Clause, runtime: Runtime): EsQuery {
  const type = runtime.get(node.path) ?? fieldType(node.path)
  switch (node.kind) {
    case 'exists':
      return { exists: { field: node.path } }
    case 'range':
      return range(node, type)
    case 'field':
      return field(node, type)
  }
}

export function inRange(query: QueryNode, { sinceMs, untilMs }: TimeRange, reading: Reading): EsQuery {
  const bounds = {
    ...(sinceMs !== undefined && { gte: sinceMs }),
    ...(untilMs !== undefined && { lt: untilMs }),
    format: 'epoch_millis',
  }
  const isBounded = sinceMs !== undefined || untilMs !== undefined
  const time = isBounded ? [{ range: { '@timestamp': bounds } }] : []
  return { bool: { filter: [...time, toQuery(query, reading)] } }
}

/** Aggregations and equality need the exact text: an address has it beside the number that it is. */
export function exactField(path: string): string {
  return fieldType(path) === 'ip' ? `${path}.text` : path
}

type FieldNode = QueryNode & { readonly kind: 'field' }

function field(node: FieldNode, type: FieldType): EsQuery {
  const { path, value, isPattern } = node
  switch (type) {
    case 'keyword':
    case 'ip':
    case 'flattened':
    case 'unknown': {
      const name = exactField(path)
      return isPattern ? pattern(name, value) : { term: { [name]: { value, case_insensitive: true } } }
    }
    case 'id':
      return isPattern ? pattern(path, value) : { ids: { values: [value] } }
    case 'text':
      return isPattern ? allParts(path, value) : { match_phrase: { [path]: value } }
    case 'boolean':
      return /^(true|false)$/i.test(value) ? { term: { [path]: value.toLowerCase() } } : nothing
    case 'date': {
      const atMs = asNumber(value)
      return isPattern || atMs === undefined
        ? nothing
        : { range: { [path]: { gte: atMs, lte: atMs, format: 'epoch_millis' } } }
    }
    case 'measured':
      return isPattern ? nothing : { match: { [path]: { query: value, lenient: true } } }
    case 'long':
    case 'double':
      if (isPattern) return digits(path, value)
      return isNumber(value) ? { range: { [path]: { gte: Number(value), lte: Number(value) } } } : nothing
  }
}

/** `4*` of a number: 4, 40 to 49, 400 to 499 … */
function digits(path: string, value: string): EsQuery {
  const [, start] = /^([1-9]\d{0,11})\*$/.exec(value) ?? []
  if (start === undefined) return nothing
  const ranges = Array.from({ length: 16 - start.length }, (_, zeros) => {
    const gte = Number(start) * 10 ** zeros
    return { range: { [path]: { gte, lt: gte + 10 ** zeros } } }
  })
  return either(ranges)
}

function range({ path, op, value }: QueryNode & { kind: 'range' }, type: FieldType): EsQuery {
  // One field cannot be a number and a time in one search: the last one asked for decides.
  const bound = type === 'date' ? asNumber(value) : isNumber(value) ? Number(value) : undefined
  if (bound === undefined) return nothing
  return { range: { [path]: { [op]: bound, ...(type === 'date' && { format: 'epoch_millis' }) } } }
}

/**
 * Whole words in their order, the last one perhaps begun only; or a part of one word, as Korean words carry particles and
 * identifiers have parts. Composed and decomposed letters are both looked for: text is stored as it came.
 */
function text(path: string, words: string, isPhrase: boolean): EsQuery {
  const forms = [...new Set([words, words.normalize('NFC'), words.normalize('NFD')])]
  const phrases = forms.map((query) => ({ match_phrase_prefix: { [path]: { query, max_expansions: 1000 } } }))
  if (isPhrase && /\s/.test(words)) return either(phrases)
  return either([...phrases, ...forms.map((form) => pattern(path, `*${literal(form)}*`))])
}

/** Text is indexed by words: what stands between the stars is looked for, each for itself. */
function allParts(path: string, value: string): EsQuery {
  const parts = value.split(/(?<!\\)\*/).filter((part) => part !== '')
  return { bool: { filter: parts.map((part) => text(path, part.replaceAll('\\*', '*'), true)) } }
}

function either(should: readonly EsQuery[]): EsQuery {
  return { bool: { should, minimum_should_match: 1 } }
}

/** Our `*` is theirs; `?` is none of ours. */
function pattern(path: string, value: string): EsQuery {
  const theirs = value.replace(/\\(?!\*)|\?/g, (sign) => `\\${sign}`)
  return { wildcard: { [path]: { value: theirs, case_insensitive: true } } }
}

function literal(words: string): string {
  return words.replaceAll('*', '\\*')
}
