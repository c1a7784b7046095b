import type { ThumpEvent } from '../../event/event.ts'
import { derivedEventId } from '../../event/ids.ts'
import type { Operation } from '../../event/operations.ts'
import { evidenceFrom } from './evidence.ts'
import type { Recent } from './recent.ts'
import { type Request, requestOf } from './request-of.ts'

/** What a line of the management API's access log gives rise to: a purge, which no event tells, or evidence of a deed. */
export function fromAccess(line: ThumpEvent, recent: Recent): ThumpEvent[] {
  const request = requestOf(line)
  if (!request) return []
  return request.operations.includes('queue.purge') ? [purge(line, request)] : evidence(line, request, recent)
}

function purge(line: ThumpEvent, { fields }: Request): ThumpEvent {
  const { log: _log, http: _http, url: _url, ...shared } = line
  const by = line.user?.name === undefined ? '' : ` by '${line.user.name}'`
  return {
    ...shared,
    event: {
      id: derivedEventId(line.event.id, 'rabbitmq.event', 0),
      dataset: 'rabbitmq.event',
      action: 'queue.purged',
      outcome: 'success',
    },
    message: `queue '${fields.queue}' purged in vhost '${fields.vhost}'${by}`,
    amqp: { operation: 'queue.purge' },
    rabbitmq: { ...fields, attribution: 'http-api' },
    related: { id: line.event.id },
  }
}

/** A piece for each deed that is known here, and one that names the rest by operation, object, user and time. */
function evidence(line: ThumpEvent, { operations, fields, target }: Request, recent: Recent): ThumpEvent[] {
  const message = sentence(line)
  const rabbitmq = { ...fields, attribution: 'http-api' }
  const pieces: ThumpEvent[] = []
  const rest: Operation[] = []
  for (const [ordinal, operation] of operations.entries()) {
    const piece = evidenceFrom(line, { operations: [operation], ordinal, message, fields: rabbitmq, target })
    const deed = recent.deedOf(piece)
    if (deed) pieces.push({ ...piece, related: { ...piece.related, id: deed.event.id } })
    else rest.push(operation)
  }
  if (rest.length === 0) return pieces
  const open = evidenceFrom(line, { operations: rest, ordinal: operations.length, message, fields: rabbitmq, target })
  recent.addEvidence(open)
  return [...pieces, open]
}

function sentence({ http, url, user, source, user_agent }: ThumpEvent): string {
  const by = user?.name === undefined ? '' : ` by '${user.name}'`
  const from = source?.ip === undefined ? '' : ` from ${source.ip}`
  const agent = user_agent?.original === undefined ? '' : ` (${user_agent.original})`
  return `HTTP request ${http?.request?.method ?? ''} ${url?.path ?? ''}${by}${from}${agent}`
}
