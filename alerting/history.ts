import { encodeEvent } from '../event/encode.ts'
import type { ThumpEvent } from '../event/event.ts'
import { derivedEventId } from '../event/ids.ts'
import type { Logger } from '../runtime/log.ts'
import { retryForever } from '../runtime/retry.ts'
import type { Started } from '../runtime/shutdown.ts'
import { version } from '../runtime/version.ts'
import type { Producer } from '../transport/transport.ts'
import type { Journal } from './journal.ts'
import type { StateDatabase } from './state/database.ts'
import { moveCursor, readCursor, readTransitions } from './state/outbox.ts'
import type { Transition } from './transition.ts'

const reader = 'history'
const pageSize = 500
/** What was told can wait a moment: many of them are one write. */
const journalWaitMs = 300
const backoff = { baseMs: 500, maxMs: 30_000 }

/**
 * Publishes each transition as an event of `thump.alert`, and what the journal holds, at least once: the cursor moves when
 * the transport has it.
 */
export function startHistory(deps: {
  db: StateDatabase
  journal: Journal
  producer: Producer
  cluster: string | undefined
  log: Logger
}): Started<{ wake(): void }> {
  const { db, journal, producer, cluster, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  // From the first start on nothing may be trimmed before it is published.
  db.transaction(() => moveCursor(db, reader, readCursor(db, reader)))
  let running: Promise<void> | undefined
  let isWoken = false
  const publishJournal = async () => {
    for (let page = journal.page(pageSize); page.length > 0; page = journal.page(pageSize)) {
      const records = page.map(({ key, event }) => encodeEvent({ topic: 'THUMP', key, event }))
      await producer.send(records, signal)
      journal.published(page.at(-1)?.seq ?? 0)
    }
  }
  const publish = async () => {
    // Who wakes us may still be within the transaction that there is something to publish of.
    await Promise.resolve()
    do {
      isWoken = false
      await publishJournal()
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
  let journalTimer: NodeJS.Timeout | undefined
  journal.onWrite = () => {
    journalTimer ??= setTimeout(() => {
      journalTimer = undefined
      wake()
    }, journalWaitMs)
  }
  wake()
  const stop = async () => {
    clearTimeout(journalTimer)
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
