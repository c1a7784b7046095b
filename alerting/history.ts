import { encodeEvent } from '../event/encode.ts'
import type { ThumpEvent } from '../event/event.ts'
import { derivedEventId } from '../event/ids.ts'
import type { Logger } from '../runtime/log.ts'
import { retryForever } from '../runtime/retry.ts'
import type { Started } from '../runtime/shutdown.ts'
import { version } from '../runtime/version.ts'
import type { Producer } from '../transport/transport.ts'
import type { StateDatabase } from './state/database.ts'
import { moveCursor, readCursor, readTransitions } from './state/outbox.ts'
import type { Transition } from './transition.ts'

const reader = 'history'
const pageSize = 500
const backoff = { baseMs: 500, maxMs: 30_000 }

/** Publishes each transition as an event of `thump.alert`, at least once: the cursor moves when the transport has it. */
export function startHistory(deps: {
  db: StateDatabase
  producer: Producer
  cluster: string | undefined
  log: Logger
}): Started<{ wake(): void }> {
  const { db, producer, cluster, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  // From the first start on nothing may be trimmed before it is published.
  db.transaction(() => moveCursor(db, reader, readCursor(db, reader)))
  let running: Promise<void> | undefined
  let isWoken = false
  const publish = async () => {
    do {
      isWoken = false
      const transitions = readTransitions(db, readCursor(db, reader), pageSize)
      const last = transitions.at(-1)
      if (!last) continue
      await producer.send(
        transitions.map((transition) => encodeEvent(asEvent(transition, cluster))),
        signal,
      )
      db.transaction(() => moveCursor(db, reader, last.seq))
      if (transitions.length === pageSize) isWoken = true
    } while (isWoken && !signal.aborted)
  }
  const wake = () => {
    isWoken = true
    if (signal.aborted) return
    running ??= retryForever(publish, backoff, signal, {
      onFailure: (err, attempt) => {
        if (attempt === 1) log.warn({ err }, 'alert history is not published: tried again')
      },
    })
      .catch((err: unknown) => {
        if (!signal.aborted) log.error({ err }, 'alert history ended')
      })
      .finally(() => {
        running = undefined
        if (isWoken) wake()
      })
  }
  wake()
  const stop = async () => {
    stopping.abort(new Error('alert history is stopping'))
    await running
  }
  return { value: { wake }, stop }
}

function asEvent({ alertId, kind, seq, atMs, isSilent, isCatchUp, record }: Transition, cluster: string | undefined) {
  const { ruleId, severity, key, count, owner, stage, firstSeenMs, lastSeenMs, summary } = record
  const event: ThumpEvent = {
    '@timestamp': new Date(atMs).toISOString(),
    event: { id: derivedEventId(alertId, `thump.alert ${kind}`, seq), dataset: 'thump.alert', action: `alert.${kind}` },
    message: summary || ruleId,
    service: { type: 'thump', ...(cluster !== undefined && { name: cluster }) },
    agent: { id: 'alerting', version },
    thump: {
      alert: {
        id: alertId,
        rule: ruleId,
        severity,
        key,
        count,
        ...(owner !== undefined && { owner }),
        stage,
        firstSeen: new Date(firstSeenMs).toISOString(),
        lastSeen: new Date(lastSeenMs).toISOString(),
        ...(isSilent && { silent: true }),
        ...(isCatchUp && { catchUp: true }),
      },
    },
  }
  return { topic: 'THUMP' as const, key: `alerting/${ruleId}`, event }
}
