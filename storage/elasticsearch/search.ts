import type { ThumpEvent } from '../../event/event.ts'
import { RejectedError } from '../../runtime/errors.ts'
import type { QueryNode } from '../query/query.ts'
import { searchRelated } from '../query/related.ts'
import type { EventSearch, SearchPage, SearchRequest, TimeRange } from '../storage.ts'
import { valuesByScript } from './by-script.ts'
import type { Dialect } from './dialect.ts'
import { fieldType, hasColumn, type Runtime, runtimeFields } from './field-types.ts'
import { indexPatterns } from './index-name.ts'
import type { Requests } from './requests.ts'
import { exactField, inRange } from './to-query.ts'

/** The server's own bound is 10,000 documents; an answer should also stay small. */
const pageSize = 5000

type Sort = readonly (string | number | null)[]
interface Answer {
  readonly hits: {
    readonly total?: { readonly value: number }
    readonly hits: ReadonlyArray<{ readonly _source: ThumpEvent; readonly sort: Sort }>
  }
  readonly aggregations?: Record<string, { readonly buckets: readonly Bucket[] }>
}
interface Bucket {
  readonly key: string | number
  readonly key_as_string?: string
  readonly doc_count: number
}

/**
 * Searches over all days. Pages go on by (time, sequence, index, number of the write), which is a total order where an
 * index is one shard: no snapshot has to be held open, and no column of ids kept.
 */
export function createSearch(requests: Requests, prefix: string, dialect: Dialect): EventSearch {
  const path = `/${indexPatterns(prefix).join(',')}/_search`
  // A shard that does not answer must not look like events that are not there.
  const querystring = { allow_no_indices: true, ignore_unavailable: true, allow_partial_search_results: false }
  const send = (body: Record<string, unknown>, signal: AbortSignal) =>
    requests.send<Answer>('search', { method: 'POST', path, querystring, body }, signal)
  const aggregate = async (ask: Asked, aggregation: unknown, signal: AbortSignal) => {
    const answer = await send({ ...queryBody(ask, dialect), size: 0, aggs: { asked: aggregation } }, signal)
    // None at all where no index exists yet.
    return answer.aggregations?.['asked']?.buckets ?? []
  }
  const self: EventSearch = {
    async search(request, signal) {
      const events: ThumpEvent[] = []
      let page: SearchPage = { events, ...(request.after !== undefined && { next: request.after }) }
      do {
        const size = Math.min(pageSize, request.limit - events.length)
        page = toPage(await send(searchBody(request, size, page.next, dialect), signal), size)
        events.push(...page.events)
      } while (page.next !== undefined && events.length < request.limit)
      return { ...page, events }
    },
    related: (request, signal) => searchRelated(self, request, signal),
    async count(query, range, signal) {
      const answer = await send({ ...queryBody({ query, range }, dialect), size: 0, track_total_hits: true }, signal)
      return answer.hits.total?.value ?? 0
    },
    async top(field, query, range, limit, signal) {
      // Each day answers for itself: with more than was asked for, their sum is right.
      const terms = { ...valuesOf(field, dialect), size: limit, shard_size: limit * 4 + 100 }
      const buckets = await aggregate({ query, range, field }, { terms }, signal)
      const isNamed = fieldType(field) === 'boolean' || fieldType(field) === 'date'
      return buckets.map(({ key, key_as_string: name = '', doc_count: count }) => ({
        value: isNamed ? name : String(key),
        count,
      }))
    },
    async histogram(query, range, bucketMs, signal) {
      const course = { field: '@timestamp', fixed_interval: `${bucketMs}ms`, min_doc_count: 1 }
      const buckets = await aggregate({ query, range }, { date_histogram: course }, signal)
      return buckets.map(({ key, doc_count: count }) => ({ atMs: Number(key), count }))
    },
  }
  return self
}

interface Asked {
  readonly query: QueryNode
  readonly range: TimeRange
  readonly field?: string
}

function queryBody({ query, range, field }: Asked, dialect: Dialect): Record<string, unknown> {
  if (dialect.reads === 'scripts') return { query: inRange(query, range, { dialect, runtime: none }) }
  const runtime = runtimeFields(query)
  if (field !== undefined && !hasColumn(field, dialect)) runtime.set(field, runtime.get(field) ?? 'keyword')
  const mappings = Object.fromEntries([...runtime].map(([path, type]) => [path, { type }]))
  return {
    query: inRange(query, range, { dialect, runtime }),
    ...(runtime.size > 0 && { runtime_mappings: mappings }),
  }
}

const none: Runtime = new Map()

function valuesOf(field: string, dialect: Dialect) {
  const isScripted = dialect.reads === 'scripts' && !hasColumn(field, dialect)
  return isScripted ? { script: valuesByScript(field) } : { field: exactField(field) }
}

function searchBody(
  { query, sort, ...range }: SearchRequest,
  size: number,
  after: string | undefined,
  dialect: Dialect,
) {
  const by = (missing: unknown, type: string) => ({ order: sort, missing, unmapped_type: type })
  return {
    ...queryBody({ query, range }, dialect),
    size,
    track_total_hits: false,
    // Where a value is missing it is given: the cursor's own for "none" does not survive JavaScript's numbers.
    sort: [{ '@timestamp': by(0, 'date') }, { 'event.sequence': by(0, 'long') }, { _index: sort }, { _seq_no: sort }],
    ...(after !== undefined && { search_after: decodeCursor(after) }),
  }
}

function toPage({ hits: { hits } }: Answer, size: number): SearchPage {
  const last = hits.at(-1)
  return {
    events: hits.map(({ _source }) => _source),
    ...(hits.length === size && last && { next: encodeCursor(last.sort) }),
  }
}

function encodeCursor(sort: Sort): string {
  return Buffer.from(JSON.stringify(sort)).toString('base64url')
}

function decodeCursor(text: string): Sort {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Sort
  } catch (cause) {
    throw new RejectedError('bad-cursor', 'the page to go on after is not one of ours', { cause })
  }
}
