import type { ThumpEvent } from '../../event/event.ts'
import type { TimeRange } from '../storage.ts'
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
