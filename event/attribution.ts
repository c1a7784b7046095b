import type { ThumpEvent } from './event.ts'
import type { Operation } from './operations.ts'

/** Evidence that came after its deed was sent: who, from where, which way, why. */
export const attributionDataset = 'rabbitmq.attribution'
/** Where no id joins them, deed and evidence lie at most this far apart: an access line is written up to two seconds after. */
export const evidenceWindowMs = 2500

type Field = 'vhost' | 'queue' | 'exchange' | 'destination_exchange' | 'policy' | 'parameter' | 'connection' | 'channel'

/** What tells one object of a kind from another. */
const identifying: Readonly<Record<string, readonly (Field | 'target')[]>> = {
  'queue.bind': ['vhost', 'exchange', 'queue'],
  'queue.unbind': ['vhost', 'exchange', 'queue'],
  'exchange.bind': ['vhost', 'exchange', 'destination_exchange'],
  'exchange.unbind': ['vhost', 'exchange', 'destination_exchange'],
  queue: ['vhost', 'queue'],
  exchange: ['vhost', 'exchange'],
  vhost: ['vhost'],
  user: ['target'],
  permission: ['vhost', 'target'],
  policy: ['vhost', 'policy'],
  parameter: ['vhost', 'parameter'],
  connection: ['connection'],
  channel: ['connection', 'channel'],
}

/** One text for one object under one operation; undefined where the event does not name it. */
export function objectKey(operation: Operation, { rabbitmq = {}, user }: ThumpEvent): string | undefined {
  const fields = identifying[operation] ?? identifying[operation.split('.', 1)[0] ?? '']
  if (!fields) return undefined
  const values = fields.map((field) => (field === 'target' ? user?.target?.name : rabbitmq[field]))
  // A global parameter has no vhost, every other object does.
  const isNamed = values.every((value) => value !== undefined) || operation.startsWith('parameter.')
  return isNamed ? JSON.stringify([operation, ...values]) : undefined
}

/** Does the piece of evidence speak of the deed? By id where it names one, else by operation, object, user and time. */
export function isEvidenceOf(evidence: ThumpEvent, deed: ThumpEvent): boolean {
  const { related } = evidence
  const operation = deed.amqp?.operation
  if (evidence.event.dataset !== attributionDataset || operation === undefined) return false
  if (related?.id !== undefined) return related.id === deed.event.id
  if (related?.operation?.includes(operation) !== true) return false
  if (distanceMs(evidence, deed) > evidenceWindowMs || isElsewhere(evidence, deed)) return false
  // Who closes a connection need not be whose connection it was.
  const isClosing = operation === 'connection.close' || operation === 'channel.close'
  if (!isClosing && evidence.user?.name !== deed.user?.name) return false
  const key = objectKey(operation, deed)
  return key !== undefined && key === objectKey(operation, evidence)
}

const distanceMs = (a: ThumpEvent, b: ThumpEvent) => Math.abs(Date.parse(a['@timestamp']) - Date.parse(b['@timestamp']))

function isElsewhere(a: ThumpEvent, b: ThumpEvent): boolean {
  return a.service.name !== undefined && b.service.name !== undefined && a.service.name !== b.service.name
}

/**
 * The deed with what the evidence adds, as a new event. What was only possible (one open connection, candidates) gives way
 * to what is proven. Evidence of an HTTP request outweighs the absence of one, in whatever order they came.
 */
export function withEvidence(deed: ThumpEvent, evidence: readonly ThumpEvent[]): ThumpEvent {
  // A line that gives a reason may say the same of a request, but not who sent it.
  const isRequest = ({ rabbitmq }: ThumpEvent) =>
    rabbitmq?.attribution === 'http-api' && rabbitmq['reason'] === undefined
  const requests = evidence.filter(isRequest)
  return [...evidence.filter((piece) => !isRequest(piece)), ...requests].reduce(merged, deed)
}

function merged(deed: ThumpEvent, evidence: ThumpEvent): ThumpEvent {
  const joined: ThumpEvent = {
    ...deed,
    rabbitmq: { ...deed.rabbitmq },
    related: { ...deed.related, evidence: evidence.event.id },
  }
  const { attribution } = evidence.rabbitmq ?? {}
  if (attribution !== undefined) joined.rabbitmq = { ...joined.rabbitmq, attribution }
  // A log line speaks of whose connection it was, a request of who did it.
  return evidence.rabbitmq?.['reason'] === undefined ? byRequest(joined, evidence) : byLine(joined, evidence)
}

function byLine(deed: ThumpEvent, { user, source, client, rabbitmq }: ThumpEvent): ThumpEvent {
  const reason = rabbitmq?.['reason']
  return {
    ...(user && { user }),
    ...(source && { source }),
    ...(client && { client }),
    ...deed,
    rabbitmq: { ...deed.rabbitmq, ...(reason !== undefined && { reason }) },
  }
}

function byRequest(deed: ThumpEvent, { user, source, client, user_agent, rabbitmq }: ThumpEvent): ThumpEvent {
  if (rabbitmq?.attribution !== 'http-api') return deed
  const { candidates: _, connection, ...fields } = deed.rabbitmq ?? {}
  const isClosing = deed.amqp?.operation === 'connection.close'
  const { source: _source, client: _client, ...rest } = deed
  const owner = deed.user?.target?.name ?? deed.user?.name
  return {
    ...rest,
    // The connection named so far was the only possible one, and is not it.
    rabbitmq: { ...fields, ...(isClosing && connection !== undefined && { connection }) },
    ...(source && { source }),
    ...(client && { client }),
    ...(user_agent && { user_agent }),
    ...(user?.name !== undefined &&
      user.name !== deed.user?.name && {
        user: { name: user.name, ...(owner !== undefined && { target: { name: owner } }) },
      }),
  }
}

/**
 * Events with each deed's evidence joined in; evidence that found its deed here is left out, the order is kept. A piece
 * without an id belongs, for each operation it may be, to the one deed nearest in time. `evidence` may hold more than `events` do.
 */
export function joinAttribution(
  events: readonly ThumpEvent[],
  evidence: readonly ThumpEvent[] = events,
): readonly ThumpEvent[] {
  const pieces = evidence.filter(({ event }) => event.dataset === attributionDataset)
  if (pieces.length === 0) return events
  const deeds = events.filter(
    ({ amqp, event }) => amqp?.operation !== undefined && event.dataset !== attributionDataset,
  )
  const index = indexOf(deeds)
  const found = new Map<ThumpEvent, ThumpEvent[]>()
  const joined = new Set<string>()
  for (const piece of pieces) {
    if (joined.has(piece.event.id)) continue
    for (const candidates of candidatesOf(piece, index)) {
      const deed = nearest(piece, candidates)
      if (!deed) continue
      joined.add(piece.event.id)
      found.set(deed, [...(found.get(deed) ?? []), piece])
    }
  }
  return events
    .filter(({ event }) => !joined.has(event.id))
    .map((event) => {
      const own = found.get(event)
      return own ? withEvidence(event, own) : event
    })
}

interface DeedIndex {
  readonly byId: ReadonlyMap<string, ThumpEvent>
  readonly byObject: ReadonlyMap<string, readonly ThumpEvent[]>
}

function indexOf(deeds: readonly ThumpEvent[]): DeedIndex {
  const byObject = new Map<string, ThumpEvent[]>()
  for (const deed of deeds) {
    const key = deed.amqp?.operation && objectKey(deed.amqp.operation, deed)
    if (key === undefined) continue
    const same = byObject.get(key)
    if (same) same.push(deed)
    else byObject.set(key, [deed])
  }
  return { byId: new Map(deeds.map((deed) => [deed.event.id, deed])), byObject }
}

/** The deed it names, or for each operation it may be those on the same object. */
function candidatesOf(piece: ThumpEvent, { byId, byObject }: DeedIndex): ReadonlyArray<readonly ThumpEvent[]> {
  const { id, operation = [] } = piece.related ?? {}
  const named = id === undefined ? undefined : byId.get(id)
  if (id !== undefined) return named ? [[named]] : []
  return operation.map((one) => byObject.get(objectKey(one, piece) ?? '') ?? [])
}

function nearest(piece: ThumpEvent, deeds: readonly ThumpEvent[]): ThumpEvent | undefined {
  let best: ThumpEvent | undefined
  for (const deed of deeds)
    if (isEvidenceOf(piece, deed) && (!best || distanceMs(piece, deed) < distanceMs(piece, best))) best = deed
  return best
}
