import { fold } from '../query/matches.ts'
import type { QueryNode } from '../query/query.ts'
import { bigramQuery } from './bigrams.ts'
import { columns } from './columns.ts'

export interface Sql {
  readonly text: string
  readonly params: ReadonlyArray<string | number>
}

/** A condition for the rows of a day. What SQL cannot say is asked of `thump_matches(node, json)`: one meaning for all. */
export function toSql(node: QueryNode): Sql {
  switch (node.kind) {
    case 'all':
      return { text: '1', params: [] }
    case 'and':
    case 'or': {
      const parts = node.nodes.map(toSql)
      return {
        text: `(${parts.map(({ text }) => text).join(node.kind === 'and' ? ' AND ' : ' OR ')})`,
        params: parts.flatMap(({ params }) => params),
      }
    }
    case 'not': {
      const inner = toSql(node.node)
      // A missing column is NULL, and NOT NULL is NULL: negation must be true there.
      return { text: `NOT coalesce(${inner.text}, 0)`, params: inner.params }
    }
    case 'field': {
      const column = columns[node.path]
      if (column === undefined) return asked(node)
      return node.isPattern
        ? { text: `${column} GLOB ?`, params: [glob(node.value)] }
        : { text: `${column} = ?`, params: [fold(node.value)] }
    }
    case 'exists': {
      const column = columns[node.path]
      return column === undefined ? asked(node) : { text: `${column} IS NOT NULL`, params: [] }
    }
    case 'text': {
      const phrase = bigramQuery(node.text)
      const exact = asked(node)
      if (phrase === undefined) return exact
      return {
        text: `(rowid IN (SELECT rowid FROM words WHERE words MATCH ?) AND ${exact.text})`,
        params: [phrase, ...exact.params],
      }
    }
    case 'range':
      return asked(node)
  }
}

function asked(node: QueryNode): Sql {
  return { text: 'thump_matches(?, json)', params: [JSON.stringify(node)] }
}

/** Our `*` is GLOB's; its other signs stand for themselves. */
function glob(pattern: string): string {
  return fold(pattern)
    .replace(/\\\*/g, '\u0000')
    .replace(/[?[]/g, (sign) => `[${sign}]`)
    .replaceAll('\u0000', '[*]')
}
