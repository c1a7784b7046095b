import type { Emitted } from '../../event/encode.ts'
import { streamKey } from '../../event/encode.ts'
import type { ThumpEvent } from '../../event/event.ts'
import { derivedEventId } from '../../event/ids.ts'
import type { Identity } from '../source.ts'
import { purgedQueue } from './purge-of.ts'

/** Makes the extra events that a line gives rise to. */
export interface Deriver {
  derive(event: ThumpEvent): Emitted[]
}

/** Codes of log lines that are handed to the deriver; none gives rise to an event so far: only access lines do. */
export const derivingCodes: ReadonlySet<string> = new Set()

/** An access line becomes an operation only where the event exchange has none: `queue.purge`. One deed counts once. */
export function createDeriver({ identity }: { readonly identity: Pick<Identity, 'keyNode'> }): Deriver {
  return {
    derive(event) {
      if (event.event.dataset !== 'rabbitmq.access') return []
      const purged = purgedQueue(event.http?.request?.method, event.url?.path, event.http?.response?.status_code)
      if (!purged) return []
      const { event: about, log, http: _http, message: _message, amqp: _amqp, rabbitmq: _rabbitmq, ...shared } = event
      const by = event.user?.name === undefined ? '' : ` by '${event.user.name}'`
      const derived: ThumpEvent = {
        ...shared,
        event: {
          id: derivedEventId(about.id, 'rabbitmq.event', 0),
          dataset: 'rabbitmq.event',
          action: 'queue.purged',
          outcome: 'success',
        },
        message: `queue '${purged.queue}' purged in vhost '${purged.vhost}'${by}`,
        amqp: { operation: 'queue.purge' },
        rabbitmq: { ...purged, attribution: 'http-api' },
        related: { id: about.id },
      }
      return [{ topic: 'AMQP', key: streamKey(identity.keyNode(), log?.file?.path ?? 'access'), event: derived }]
    },
  }
}
