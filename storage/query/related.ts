import type { ThumpEvent } from '../../event/event.ts'
import type { EventSearch, RelatedPage, RelatedRequest, TimeRange } from '../storage.ts'
import type { QueryNode } from './query.ts'

/** A connection may live long: so much of it is looked at around the event. */
const aroundMs = 3_600_000

/**
 * What to ask for what happened around an event: the same connection, by its name or by what the broker's lines call it; an
 * event without one, the same queue, else the same user. Undefined where it names none of these.
 */
export function relatedTo(event: ThumpEvent): { query: QueryNode; range: Required<TimeRange> } | undefined {
  const { rabbitmq, related, user } = event
  const same = (path: string, value: string | undefined): QueryNode[] =>
    value === undefined || value === '' ? [] : [{ kind: 'field', path, value, isPattern: false }]
  const connection = [
    ...same('rabbitmq.connection', rabbitmq?.connection),
    ...same('related.id', related?.id),
    ...same('rabbitmq.pid', rabbitmq?.pid),
  ]
  const queue = same('rabbitmq.queue', rabbitmq?.queue)
  const nodes = [connection, queue, same('user.name', user?.name)].find((list) => list.length > 0)
  if (!nodes) return undefined
  const atMs = Date.parse(event['@timestamp'])
  const query: QueryNode = nodes.length === 1 && nodes[0] ? nodes[0] : { kind: 'or', nodes }
  return { query, range: { sinceMs: atMs - aroundMs, untilMs: atMs + aroundMs + 1 } }
}

/** `EventSearch.related`, by means of its search. */
export async function searchRelated(
  { search }: Pick<EventSearch, 'search'>,
  { id, ...page }: RelatedRequest,
  signal: AbortSignal,
): Promise<RelatedPage> {
  const itself: QueryNode = { kind: 'field', path: 'event.id', value: id, isPattern: false }
  const { events, unreadable } = await search({ query: itself, sort: 'desc', limit: 1 }, signal)
  const [event] = events
  if (!event) return { kind: 'not-stored', ...(unreadable && { unreadable }) }
  const around = relatedTo(event)
  if (!around) return { kind: 'nothing-shared' }
  const { query, range } = around
  return { kind: 'found', ...around, ...(await search({ ...range, ...page, query }, signal)) }
}
