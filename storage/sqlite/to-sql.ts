import { asNumber, fold } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import { bigramQuery } from './bigrams.ts'
import { columns } from './columns.ts'
import { severalId } from './terms.ts'

export interface Sql {
  readonly text: string
  readonly params: ReadonlyArray<string | number>
}

/** The dictionary of the day that is asked. */
export interface DayTerms {
  /** Those that meet the condition; where they are many, enough of them to know it. */
  find(condition: Sql): readonly number[]
  /** Does an event hold what no single term can stand for? */
  hasSeveral(): boolean
}

/** More terms than these are left to SQLite to look up. */
export const maxListed = 200
const all: Sql = { text: '1', params: [] }
const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * A condition for the rows of a day. What its columns cannot say is asked of `thump_matches(node, rowid)`, which reads
 * the event itself: one meaning for all.
 */
export function toSql(node: QueryNode, terms: DayTerms): Sql {
  switch (node.kind) {
    case 'all':
      return all
    case 'and':
    case 'or':
      return joined(
        node.nodes.map((inner) => toSql(inner, terms)),
        node.kind === 'and' ? 'AND' : 'OR',
      )
    case 'not': {
      const inner = toSql(node.node, terms)
      // A missing column is NULL, and NOT NULL is NULL: negation must be true there.
      return { text: `NOT coalesce(${inner.text}, 0)`, params: inner.params }
    }
    case 'field':
      return field(node, terms)
    case 'exists': {
      const column = columns[node.path]
      return column === undefined ? asked(node) : { text: `${column} IS NOT NULL`, params: [] }
    }
    case 'text':
      return text(node)
    case 'range':
      return range(node, terms)
  }
}

/** As a balanced tree: SQLite's expressions may not be deep. */
function joined(parts: readonly Sql[], word: 'AND' | 'OR'): Sql {
  if (parts.length < 2) return parts[0] ?? all
  const middle = parts.length >> 1
  const left = joined(parts.slice(0, middle), word)
  const right = joined(parts.slice(middle), word)
  return { text: `(${left.text} ${word} ${right.text})`, params: [...left.params, ...right.params] }
}

function field(node: QueryNode & { kind: 'field' }, terms: DayTerms): Sql {
  const column = columns[node.path]
  if (node.path === 'event.id' && !node.isPattern) {
    const exact = asked(node)
    return { text: `(lower(id) = ? AND ${exact.text})`, params: [asciiLower(node.value), ...exact.params] }
  }
  if (column === undefined) return asked(node)
  const condition = node.isPattern
    ? { text: 'folded GLOB ?', params: [glob(node.value)] }
    : { text: 'folded = ?', params: [fold(node.value)] }
  return anyOf(column, condition, node, terms)
}

function range(node: QueryNode & { kind: 'range' }, terms: DayTerms): Sql {
  const column = columns[node.path]
  const bound = asNumber(node.value)
  if (bound === undefined) return { text: '0', params: [] }
  if (node.path === '@timestamp') return { text: `at_ms ${operators[node.op]} ?`, params: [bound] }
  if (column === undefined) return asked(node)
  const condition = { text: `thump_number(text) ${operators[node.op]} ?`, params: [bound] }
  return anyOf(column, condition, node, terms)
}

/** One term keeps the order of the column's index, so that the newest hundred are found without looking at all. */
function anyOf(column: string, condition: Sql, node: QueryNode, terms: DayTerms): Sql {
  const found = terms.find(condition)
  const isLong = found.length > maxListed
  const list = isLong ? `SELECT id FROM terms WHERE id <> ${severalId} AND ${condition.text}` : found.join(', ')
  const whole = {
    text: found.length === 1 ? `${column} = ${list}` : `${column} IN (${list})`,
    params: isLong ? condition.params : [],
  }
  if (!terms.hasSeveral()) return whole
  const exact = asked(node)
  return {
    text: `(${whole.text} OR (${column} = ${severalId} AND ${exact.text}))`,
    params: [...whole.params, ...exact.params],
  }
}

function text(node: QueryNode & { kind: 'text' }): Sql {
  const match = bigramQuery(node.text)
  return match === undefined
    ? asked(node)
    : { text: 'rowid IN (SELECT rowid FROM words WHERE words MATCH ?)', params: [match] }
}

function asked(node: QueryNode): Sql {
  return { text: 'thump_matches(?, events.rowid)', params: [JSON.stringify(node)] }
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Our `*` is GLOB's; its other signs stand for themselves. */
function glob(pattern: string): string {
  return fold(pattern)
    .replace(/\\\*/g, '\u0000')
    .replace(/[?[]/g, (sign) => `[${sign}]`)
    .replaceAll('\u0000', '[*]')
}
