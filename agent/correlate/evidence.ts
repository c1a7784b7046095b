import { attributionDataset } from '../../event/attribution.ts'
import type { ThumpEvent } from '../../event/event.ts'
import { derivedEventId } from '../../event/ids.ts'
import type { Operation } from '../../event/operations.ts'

export interface Finding {
  /** What the deed may be. */
  readonly operations: readonly Operation[]
  readonly ordinal: number
  readonly message: string
  readonly fields: NonNullable<ThumpEvent['rabbitmq']>
  readonly target?: string | undefined
}

/** The event of dataset `rabbitmq.attribution` that a line (or a deed's own settling) gives rise to; names no deed yet. */
export function evidenceFrom(about: ThumpEvent, { operations, ordinal, message, fields, target }: Finding): ThumpEvent {
  const { service, agent, user } = about
  const evidence: ThumpEvent = {
    '@timestamp': about['@timestamp'],
    event: {
      id: derivedEventId(about.event.id, attributionDataset, ordinal),
      dataset: attributionDataset,
      action: 'deed.attributed',
    },
    message,
    service,
    agent,
    rabbitmq: fields,
    related: { operation: [...operations], evidence: about.event.id },
  }
  if (user !== undefined || target !== undefined) {
    evidence.user = {}
    if (user?.name !== undefined) evidence.user.name = user.name
    if (target !== undefined) evidence.user.target = { name: target }
  }
  for (const field in about) if (!itsOwn.has(field)) evidence[field] = about[field]
  return evidence
}

/** What evidence says itself, or does not share with what it is about. */
const itsOwn: ReadonlySet<string> = new Set([
  '@timestamp',
  'event',
  'message',
  'service',
  'agent',
  'rabbitmq',
  'related',
  'user',
  'log',
  'http',
  'url',
  'amqp',
  'app',
  'redacted',
])
