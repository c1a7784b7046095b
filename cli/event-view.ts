import { attributionDataset, evidenceWindowMs, joinAttribution } from '../event/attribution.ts'
import { internalTag, type ThumpEvent } from '../event/event.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch } from '../storage/storage.ts'

/** Live, beside the line it stands in, only a request's evidence is news, once: who did what was printed a moment before. */
export function createNews(): (event: ThumpEvent) => boolean {
  const requests = new Set<string>()
  return ({ event, tags, rabbitmq, related }) => {
    if (tags?.includes(internalTag) === true) return false
    if (event.dataset !== attributionDataset) return true
    if (rabbitmq?.attribution !== 'http-api') return false
    // A request may give a piece for each deed it did, and one for those it may have done: it is told once.
    const request = related?.evidence ?? event.id
    if (requests.has(request)) return false
    if (requests.size >= maxRequests) requests.clear()
    requests.add(request)
    return true
  }
}
const maxRequests = 1000

/** What people do not ask about unless they name it: Thump's own doings. */
function withoutOwn(query: QueryNode): QueryNode {
  return mentions(query, 'tags') ? query : without(query, 'tags', internalTag)
}

/** The same, and evidence, which is shown with its deed. */
export function withoutBackground(query: QueryNode): QueryNode {
  const shown = withoutOwn(query)
  return mentions(query, 'event.dataset') ? shown : without(shown, 'event.dataset', attributionDataset)
}

function without(query: QueryNode, path: string, value: string): QueryNode {
  const node: QueryNode = { kind: 'not', node: { kind: 'field', path, value, isPattern: false } }
  return query.kind === 'all' ? node : { kind: 'and', nodes: [query, node] }
}

/** Does the query ask for what is hidden else? */
export function asksForBackground(query: QueryNode): boolean {
  return mentions(query, 'tags') || mentions(query, 'event.dataset')
}

function mentions(query: QueryNode, path: string): boolean {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.nodes.some((node) => mentions(node, path))
    case 'not':
      return mentions(query.node, path)
    case 'field':
    case 'range':
    case 'exists':
      return query.path === path
    case 'all':
    case 'text':
      return false
  }
}

const maxPieces = 10_000
const pageSize = 1000
/** Evidence that a log read late (an agent that was stopped) brings is looked for so long after the deed. */
const laterMs = 60_000

/** The same events, oldest first, each deed with the evidence that was stored for it. */
export async function attributed(search: EventSearch, events: readonly ThumpEvent[]): Promise<readonly ThumpEvent[]> {
  const times = events
    .filter(({ amqp }) => amqp?.operation !== undefined)
    .map((event) => Date.parse(event['@timestamp']))
  const [first, last] = [times[0], times.at(-1)]
  if (first === undefined || last === undefined) return events
  const query: QueryNode = { kind: 'field', path: 'event.dataset', value: attributionDataset, isPattern: false }
  const range = { sinceMs: first - evidenceWindowMs, untilMs: last + laterMs }
  const pieces: ThumpEvent[] = []
  const patience = AbortSignal.timeout(30_000)
  let after: string | undefined
  do {
    const request = { ...range, query, sort: 'desc', limit: pageSize, ...(after !== undefined && { after }) } as const
    const page = await search.search(request, patience)
    pieces.push(...page.events)
    after = page.next
  } while (after !== undefined && pieces.length < maxPieces)
  return joinAttribution(events, pieces)
}
