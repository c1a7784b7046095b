/** What a search asks for, parsed from the KQL-like text (parse.ts) and run by each storage kind. Paths are dotted field names. */
export type QueryNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly QueryNode[] }
  | { readonly kind: 'not'; readonly node: QueryNode }
  /** Exact value of a field; a string may hold wildcards `*` when `isPattern`. Text compares case-insensitively. */
  | { readonly kind: 'field'; readonly path: string; readonly value: string; readonly isPattern: boolean }
  | { readonly kind: 'range'; readonly path: string; readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: string }
  | { readonly kind: 'exists'; readonly path: string }
  /** Free words: looked for in `message`; a quoted phrase keeps its order. */
  | { readonly kind: 'text'; readonly text: string; readonly isPhrase: boolean }
