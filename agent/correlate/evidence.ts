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
  const {
    log: _log,
    http: _http,
    url: _url,
    amqp: _amqp,
    message: _message,
    app: _app,
    redacted: _redacted,
    ...shared
  } = about
  const { user } = about
  return {
    ...shared,
    event: {
      id: derivedEventId(about.event.id, attributionDataset, ordinal),
      dataset: attributionDataset,
      action: 'deed.attributed',
    },
    message,
    ...((user !== undefined || target !== undefined) && {
      user: {
        ...(user?.name !== undefined && { name: user.name }),
        ...(target !== undefined && { target: { name: target } }),
      },
    }),
    rabbitmq: fields,
    related: { operation: [...operations], evidence: about.event.id },
  }
}
