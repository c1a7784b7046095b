import type { ThumpEvent } from '../event/event.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, TimeRange } from '../storage/storage.ts'

const patienceMs = 60_000
const pageSize = 1000

/** The newest `limit`, oldest first; are there older ones? */
export async function newest(
  search: EventSearch,
  query: QueryNode,
  range: TimeRange,
  limit: number,
): Promise<{ readonly events: readonly ThumpEvent[]; readonly hasMore: boolean }> {
  const events: ThumpEvent[] = []
  let after: string | undefined
  const patience = AbortSignal.timeout(patienceMs)
  do {
    const request = { ...range, query, sort: 'desc', limit: Math.min(pageSize, limit - events.length) } as const
    const page = await search.search({ ...request, ...(after !== undefined && { after }) }, patience)
    events.push(...page.events)
    after = page.next
  } while (after !== undefined && events.length < limit)
  return { events: events.reverse(), hasMore: after !== undefined }
}
