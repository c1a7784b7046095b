import { hostname, userInfo } from 'node:os'
import { encodeEvent } from '../event/encode.ts'
import type { Json, ThumpEvent } from '../event/event.ts'
import { uniqueEventId } from '../event/ids.ts'
import type { Clock } from '../runtime/clock.ts'
import { version } from '../runtime/version.ts'
import type { Producer } from '../transport/transport.ts'

/** What a person did with Thump that others may ask about later. */
export interface Deed {
  /** The verb and its step, such as `export.started`. */
  readonly action: string
  readonly message: string
  readonly outcome?: 'success' | 'failure'
  /** Below `thump.*`. */
  readonly fields: Readonly<Record<string, Json>>
}

const patienceMs = 30_000

/** Resolves when the deed is recorded durably; rejects where it cannot be. */
export async function recordDeed(producer: Producer, deed: Deed, now: Clock): Promise<void> {
  const { action, message, outcome, fields } = deed
  const event: ThumpEvent = {
    '@timestamp': new Date(now()).toISOString(),
    event: { id: uniqueEventId(), dataset: 'thump.audit', action, ...(outcome && { outcome }) },
    message,
    host: { name: hostname() },
    service: { type: 'thump' },
    agent: { id: 'cli', version },
    user: { name: doer() },
    thump: { ...fields },
  }
  const record = encodeEvent({ topic: 'THUMP', key: 'cli/audit', event })
  await producer.send([record], AbortSignal.timeout(patienceMs))
}

/** Who it is on this machine; behind sudo the person, not root. */
export function doer(): string {
  return process.env['SUDO_USER'] || userInfo().username
}
