import type { Client, estypes } from '@elastic/elasticsearch'
import type { ThumpEvent } from '../../event/event.ts'
import { UnavailableError } from '../../runtime/errors.ts'
import type { EventSearch } from '../storage.ts'
import { indexPattern } from './index-name.ts'
import { fieldOf, inRange } from './to-query.ts'

/** Searches over all days. Pages go on by (time, sequence, id), which is a total order: no snapshot has to be held open. */
export function createSearch(client: Client, prefix: string): EventSearch {
  const everywhere = { index: indexPattern(prefix), allow_no_indices: true, ignore_unavailable: true }
  return {
    async search({ query, sort, limit, after, ...range }, signal) {
      const answer = await asked(
        client.search<ThumpEvent>(
          {
            ...everywhere,
            query: inRange(query, range),
            size: limit,
            track_total_hits: false,
            sort: [
              { '@timestamp': { order: sort, unmapped_type: 'date' } },
              { 'event.sequence': { order: sort, missing: 0, unmapped_type: 'long' } },
              { 'event.id': { order: sort, unmapped_type: 'keyword' } },
            ] as estypes.SortCombinations[],
            ...(after !== undefined && { search_after: decodeCursor(after) }),
          },
          { signal },
        ),
        signal,
      )
      const { hits } = answer.hits
      const last = hits.at(-1)
      const events = hits.map((hit) => hit._source).filter((event) => event !== undefined)
      return { events, ...(hits.length === limit && last?.sort && { next: encodeCursor(last.sort) }) }
    },
    async count(query, range, signal) {
      const { count } = await asked(client.count({ ...everywhere, query: inRange(query, range) }, { signal }), signal)
      return count
    },
    async top(field, query, range, limit, signal) {
      const terms = { field: fieldOf(field), size: limit, shard_size: limit * 4 + 100 }
      const aggs = { top: { terms } }
      const answer = await asked(
        client.search({ ...everywhere, query: inRange(query, range), size: 0, aggs }, { signal }),
        signal,
      )
      return bucketsOf(answer.aggregations, 'top').map(({ key, doc_count }) => ({
        value: String(key),
        count: doc_count,
      }))
    },
    async histogram(query, range, bucketMs, signal) {
      const aggs = {
        course: { date_histogram: { field: '@timestamp', fixed_interval: `${bucketMs}ms`, min_doc_count: 1 } },
      }
      const answer = await asked(
        client.search({ ...everywhere, query: inRange(query, range), size: 0, aggs }, { signal }),
        signal,
      )
      return bucketsOf(answer.aggregations, 'course').map(({ key, doc_count }) => ({
        atMs: Number(key),
        count: doc_count,
      }))
    },
  }
}

interface Bucket {
  readonly key: string | number
  readonly doc_count: number
}

/** None at all where no index exists yet. */
function bucketsOf(aggregations: Record<string, unknown> | undefined, name: string): readonly Bucket[] {
  return (aggregations?.[name] as { buckets?: readonly Bucket[] } | undefined)?.buckets ?? []
}

async function asked<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw signal.aborted ? cause : new UnavailableError('Elasticsearch', cause)
  }
}

function encodeCursor(sort: unknown): string {
  return Buffer.from(JSON.stringify(sort)).toString('base64url')
}

function decodeCursor(text: string): estypes.SortResults {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as estypes.SortResults
}
