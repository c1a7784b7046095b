import type { Emitted } from '../event/encode.ts'
import { uniqueEventId } from '../event/ids.ts'
import type { Json } from '../event/event.ts'
import type { Identity } from './source.ts'

/** Something Thump has to say of itself: a heartbeat, a gap, a state change. Goes to the topic THUMP. */
export interface SelfReport {
  readonly action: string
  readonly message: string
  readonly outcome?: 'success' | 'failure'
  readonly fields?: Readonly<Record<string, Json>>
}

/** An event of dataset `thump.agent`; `fields` stand below `app.*`. */
export function selfEvent(
  identity: Identity,
  nowMs: number,
  { action, message, outcome, fields }: SelfReport,
): Emitted {
  const node = identity.node()
  const cluster = identity.cluster()
  return {
    topic: 'THUMP',
    key: `${identity.keyNode()}/self`,
    event: {
      '@timestamp': new Date(nowMs).toISOString(),
      event: { id: uniqueEventId(), dataset: 'thump.agent', action, ...(outcome && { outcome }) },
      message,
      host: { name: identity.hostName },
      service: {
        type: 'rabbitmq',
        ...(cluster !== undefined && { name: cluster }),
        ...(node !== undefined && { node: { name: node } }),
      },
      agent: { id: identity.agentId, version: identity.agentVersion },
      ...(fields && { app: { ...fields } }),
    },
  }
}
