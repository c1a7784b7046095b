import { type ForeignDocument, isMap, listOf, textOf } from './imported.ts'
import { type LuceneNode, parseLucene } from './lucene.ts'
import { allOf, anyOf, fieldIs, fieldKey, literal, notOf, parseWildcards, type Where, wildcardTest } from './where.ts'

type Path = readonly PropertyKey[]

/** An Elasticsearch filter as a condition. Text of `message` is analysed there, every other field is taken as keyword. */
export function esFilter(value: unknown, path: Path, doc: ForeignDocument): Where {
  if (Array.isArray(value)) return allOf(value.map((item, index) => esFilter(item, [...path, index], doc)))
  const entries = isMap(value) ? Object.entries(value) : []
  const [entry] = entries
  if (!entry || entries.length !== 1) {
    doc.refuse(path, 'a filter is a map with one query')
    return {}
  }
  const [kind, body] = entry
  const reader = Object.hasOwn(readers, kind) ? readers[kind] : undefined
  if (reader) return reader(body, [...path, kind], doc)
  doc.refuse([...path, kind], `the query "${kind}" cannot be carried over; known: ${Object.keys(readers).join(', ')}`)
  return {}
}

type Reader = (body: unknown, path: Path, doc: ForeignDocument) => Where

const readers: Readonly<Record<string, Reader>> = {
  query: esFilter,
  bool: boolQuery,
  and: (body, path, doc) => allOf(listOf(body).map((item, index) => esFilter(item, [...path, index], doc))),
  or: (body, path, doc) => anyOf(listOf(body).map((item, index) => esFilter(item, [...path, index], doc))),
  not: (body, path, doc) => notOf(esFilter(body, path, doc)),
  term: onField((field, value, path, doc) => exactly(field, [valueIn(value, 'value')], path, doc)),
  terms: onField((field, value, path, doc) => exactly(field, listOf(value), path, doc)),
  match: onField((field, value, path, doc) => matchQuery(field, value, path, doc)),
  match_phrase: onField((field, value, path, doc) => analysed(field, textOf(valueIn(value, 'query')), path, doc)),
  prefix: onField((field, value) => fieldIs(field, 'starts', [valueIn(value, 'value')], true)),
  wildcard: onField((field, value) => wildcardTest(field, parseWildcards(textOf(valueIn(value, 'value'))), true)),
  regexp: onField((field, value, path, doc) => regexp(field, textOf(valueIn(value, 'value')), path, doc)),
  range: onField(rangeQuery),
  exists: (body, path, doc) => ({
    [fieldKey(named(isMap(body) ? body['field'] : undefined, [...path, 'field'], doc), 'exists')]: true,
  }),
  query_string: (body, path, doc) => luceneQuery(isMap(body) ? body['query'] : body, [...path, 'query'], doc),
}

function named(name: unknown, path: Path, doc: ForeignDocument): string {
  return doc.field(textOf(name ?? '').replace(/\.(?:keyword|raw)$/, ''), path)
}

function onField(read: (field: string, value: unknown, path: Path, doc: ForeignDocument) => Where): Reader {
  return (body, path, doc) => {
    const entries = isMap(body) ? Object.entries(body) : []
    const [entry] = entries
    if (!entry || entries.length !== 1) {
      doc.refuse(path, 'one field is named here')
      return {}
    }
    const at = [...path, entry[0]]
    return read(named(entry[0], at, doc), entry[1], at, doc)
  }
}

/** `{field: x}` and `{field: {value: x}}` are the same. */
function valueIn(value: unknown, key: string): unknown {
  return isMap(value) ? value[key] : value
}

function boolQuery(body: unknown, path: Path, doc: ForeignDocument): Where {
  const parts: Where[] = []
  for (const [key, value] of Object.entries(isMap(body) ? body : {})) {
    const at = [...path, key]
    const each = () => listOf(value).map((item, index) => esFilter(item, [...at, index], doc))
    if (key === 'must' || key === 'filter') parts.push(...each())
    else if (key === 'must_not') parts.push(...each().map(notOf))
    else if (key === 'should') {
      // Beside must, should only weighs results.
      const isNeeded = isMap(body) && body['must'] === undefined && body['filter'] === undefined
      if (isNeeded || (isMap(body) && body['minimum_should_match'] === 1)) parts.push(anyOf(each()))
      else doc.note(at, 'should beside must without minimum_should_match decides nothing: left out')
    } else if (key !== 'minimum_should_match' || value !== 1)
      doc.refuse(at, `"${key}: ${JSON.stringify(value)}" of a bool query cannot be carried over`)
  }
  if (parts.length === 0) doc.refuse(path, 'an empty bool query')
  return allOf(parts)
}

/** Exact on a keyword; on `message`, which is analysed, one word of it. */
function exactly(field: string, values: readonly unknown[], path: Path, doc: ForeignDocument): Where {
  if (values.length === 0 || values.some((value) => !['string', 'number', 'boolean'].includes(typeof value))) {
    doc.refuse(path, 'values are text, numbers, true or false')
    return {}
  }
  if (field === 'message') return anyOf(values.map((value) => analysed(field, textOf(value), path, doc)))
  const isText = values.some((value) => typeof value === 'string')
  return fieldIs(field, '', values.flatMap(withNumber), isText)
}

/** Elasticsearch takes "404" for a number where the field is one; nothing is coerced here, so both are listed. */
function withNumber(value: unknown): unknown[] {
  const isNumber = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) && String(Number(value)) === value
  return isNumber ? [Number(value), value] : [value]
}

function matchQuery(field: string, value: unknown, path: Path, doc: ForeignDocument): Where {
  const query = valueIn(value, 'query')
  const options = isMap(value) ? Object.keys(value).filter((key) => key !== 'query' && key !== 'operator') : []
  if (options.length > 0) doc.refuse(path, `"${options.join(', ')}" of match cannot be carried over`)
  if (field !== 'message' || typeof query !== 'string') return exactly(field, [query], path, doc)
  const words = query.split(/\s+/).filter((word) => word !== '')
  const tests = words.map((word) => analysed(field, word, path, doc))
  return isMap(value) && textOf(value['operator']).toLowerCase() === 'and' ? allOf(tests) : anyOf(tests)
}

/** Words one after the other, whole ones, in whatever case: as the standard analyser finds them. */
function analysed(field: string, text: string, path: Path, doc: ForeignDocument): Where {
  if (field !== 'message') return exactly(field, [text], path, doc)
  const words = text.match(/[\p{L}\p{N}_]+/gu)
  if (!words) {
    doc.refuse(path, `"${text}" holds no word`)
    return {}
  }
  const between = String.raw`[^\pL\pN_]+`
  return fieldIs(field, 'regex', [`(?:^|${between})${words.map(literal).join(between)}(?:$|${between})`])
}

/** Lucene's patterns match the whole value; what they have beyond ours is refused. */
function regexp(field: string, pattern: string, path: Path, doc: ForeignDocument): Where {
  if (/(^|[^\\])(\\\\)*[~<>@&#"]/.test(pattern))
    doc.refuse(path, `Lucene's own operators (~ <> & @ # ") cannot be carried over`)
  if (field === 'message') doc.refuse(path, 'a pattern on analysed text sees single words: write it as message.regex')
  return fieldIs(field, 'regex', [`(?s)^(?:${pattern})$`], true)
}

function rangeQuery(field: string, value: unknown, path: Path, doc: ForeignDocument): Where {
  const bounds = Object.entries(isMap(value) ? value : {}).filter(([key]) => key !== 'boost')
  if (bounds.length === 0) doc.refuse(path, 'a range needs gt, gte, lt or lte')
  return allOf(
    bounds.map(([operator, bound]) => {
      if (!['gt', 'gte', 'lt', 'lte'].includes(operator) || typeof bound !== 'number')
        doc.refuse(
          [...path, operator],
          `only numbers are compared by gt, gte, lt and lte, not ${operator}: ${textOf(bound)}`,
        )
      return fieldIs(field, operator, [bound])
    }),
  )
}

function luceneQuery(query: unknown, path: Path, doc: ForeignDocument): Where {
  if (typeof query !== 'string') {
    doc.refuse(path, 'query is text')
    return {}
  }
  if (query.trim() === '*' || query.trim() === '*:*') return {}
  try {
    return fromLucene(parseLucene(query), path, doc)
  } catch (error) {
    doc.refuse(path, `query: ${error instanceof Error ? error.message : textOf(error)}`)
    return {}
  }
}

function fromLucene(node: LuceneNode, path: Path, doc: ForeignDocument): Where {
  switch (node.kind) {
    case 'and':
      return allOf(node.nodes.map((each) => fromLucene(each, path, doc)))
    case 'or':
      return anyOf(node.nodes.map((each) => fromLucene(each, path, doc)))
    case 'not':
      return notOf(fromLucene(node.node, path, doc))
    case 'exists':
      return { [fieldKey(named(node.field, path, doc), 'exists')]: true }
    case 'range':
      return fieldIs(named(node.field, path, doc), node.operator, [node.value])
    case 'regex':
      return regexp(named(node.field, path, doc), node.pattern, path, doc)
    case 'term':
      return luceneTerm(node, path, doc)
  }
}

function luceneTerm(
  { field, text, isPhrase }: Extract<LuceneNode, { kind: 'term' }>,
  path: Path,
  doc: ForeignDocument,
): Where {
  if (field === undefined) {
    doc.refuse(
      path,
      `"${text}" without a field is looked for in every field: write message:${isPhrase ? `"${text}"` : text}`,
    )
    return {}
  }
  const name = named(field, path, doc)
  const parts = parseWildcards(text)
  if (!isPhrase && parts.some((part) => typeof part !== 'string')) {
    const isAnything = parts.every((part) => typeof part !== 'string' && part.wildcard === '*')
    if (name === 'message' && !isAnything)
      doc.refuse(path, `a wildcard on analysed text sees single words: write ${text} as message.contains`)
    return wildcardTest(name, parts, true)
  }
  const plain = isPhrase ? text : text.replace(/\\(.)/g, '$1')
  if (name === 'message') return analysed(name, plain, path, doc)
  return exactly(name, [plain], path, doc)
}
