import type { ThumpEvent } from '../event/event.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, SearchPage, SearchRequest, TimeRange } from '../storage/storage.ts'

const patienceMs = 60_000
const pageSize = 1000

/** The newest `limit`, oldest first; are there older ones? */
export function newest(search: EventSearch, query: QueryNode, range: TimeRange, limit: number): Promise<Newest> {
  return newestOf((page, signal) => search.search({ ...range, ...page, query }, signal), limit)
}

export interface Newest {
  readonly events: readonly ThumpEvent[]
  readonly hasMore: boolean
}

type Page = Pick<SearchRequest, 'sort' | 'limit' | 'after'>

/** The same, of whatever is asked page by page. */
export async function newestOf(
  ask: (page: Page, signal: AbortSignal) => Promise<Pick<SearchPage, 'events' | 'next'>>,
  limit: number,
): Promise<Newest> {
  const events: ThumpEvent[] = []
  let after: string | undefined
  const patience = AbortSignal.timeout(patienceMs)
  do {
    const request = { sort: 'desc', limit: Math.min(pageSize, limit - events.length) } as const
    const page = await ask({ ...request, ...(after !== undefined && { after }) }, patience)
    events.push(...page.events)
    after = page.next
  } while (after !== undefined && events.length < limit)
  return { events: events.reverse(), hasMore: after !== undefined }
}
