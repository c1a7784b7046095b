/** A piece of a mapping or of settings, as the server takes it. */
export type Property = { readonly [key: string]: unknown }

/** OpenSearch speaks Elasticsearch 7's language, with words of its own for what came later. */
export type Distribution = 'elasticsearch' | 'opensearch'

/** What one of them has and the other has not. */
export interface Dialect {
  readonly distribution: Distribution
  /** A field's mapping, as this server takes it. */
  readonly property: (property: Property) => Property
  /** Settings of an index that this server does not know are left out. */
  readonly settings: (settings: Property) => Property
  /** May an index template name a component that is not there? */
  readonly hasOptionalComponents: boolean
  /**
   * How fields without an index are read from the documents while searching: as runtime fields, or by scripts. OpenSearch's
   * derived fields are no such thing: they are unknown to what it does before it searches, which then finds nothing.
   */
  readonly reads: 'fields' | 'scripts'
  /**
   * The field that says the document's id once more, for patterns and for other clients: read from the documents where
   * the server can, since a column of it is a tenth of what an event costs it.
   */
  readonly eventId: (path: string) => { readonly indexed?: Property; readonly inMapping?: Property }
}

const elasticsearch: Dialect = {
  distribution: 'elasticsearch',
  property: (property) => property,
  settings: (settings) => settings,
  hasOptionalComponents: true,
  reads: 'fields',
  eventId: (path) => ({ inMapping: { runtime: { [path]: { type: 'keyword' } } } }),
}

const opensearch: Dialect = {
  distribution: 'opensearch',
  property(property) {
    // Each field keeps its column: reading from the documents is, on this server, for what is not mapped.
    const { ignore_malformed: lenient, doc_values: _, ...strict } = property
    if (property['type'] === 'flattened') return { type: 'flat_object' }
    // A column alone answers no wildcards.
    if (property['type'] === 'keyword') return { type: 'keyword', ignore_above: property['ignore_above'] }
    return property['type'] === 'boolean' || lenient === undefined ? strict : { ...strict, ignore_malformed: lenient }
  },
  settings({ 'index.mapping.total_fields.ignore_dynamic_beyond_limit': beyond, ...known }) {
    // Beyond its limit this server refuses the event.
    return beyond === undefined ? known : { ...known, 'index.mapping.total_fields.limit': 5000 }
  },
  hasOptionalComponents: false,
  reads: 'scripts',
  // A derived field refuses the documents that have it themselves.
  eventId: () => ({ indexed: { type: 'keyword' } }),
}

export function dialectOf(distribution: Distribution): Dialect {
  return distribution === 'opensearch' ? opensearch : elasticsearch
}
