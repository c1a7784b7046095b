import type { ThumpEvent } from '../../event/event.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import type { RuntimeDeps } from '../../runtime/runtime-deps.ts'
import { searchRelated } from '../query/related.ts'
import type { EventSearch, EventStore, Storage, StoreItem } from '../storage.ts'
import type { UnreadableDay } from './messages.ts'
import { startVerifier } from './verifier.ts'
import { startWorker, type WorkerClient } from './worker-client.ts'

export interface SqliteOptions {
  readonly dir: string
  readonly retentionMs: number
  readonly maxBytes: number
  /** `read`: beside the process that writes. */
  readonly mode: 'write' | 'read'
}

const retentionIntervalMs = 600_000

/** Events in one SQLite file a UTC day, with full text; written and read in threads of their own. */
export function createSqliteStorage({ mode, ...options }: SqliteOptions, deps: RuntimeDeps): Promise<Started<Storage>> {
  const log = deps.log.child({ component: 'storage.sqlite' })
  const shutdown = new Shutdown()
  // A long search must not keep a write waiting.
  const reader = shutdown.own('reader', startWorker(options))
  const told = new Set<string>()
  const search = searchOf(reader, (days) => {
    for (const { day, reason } of days) {
      if (told.has(day)) continue
      told.add(day)
      log.error(
        { day, reason, dir: options.dir },
        "a day's file cannot be read: its events are missing from the answers",
      )
    }
  })
  let store = readOnly()
  if (mode === 'write') {
    const writer = shutdown.own('writer', startWorker(options))
    store = storeOf(writer, log)
    const retain = () => {
      store.retain().catch((error: unknown) => log.warn({ err: error }, 'old days not removed'))
    }
    const timer = setInterval(retain, retentionIntervalMs)
    shutdown.add('retention', async () => clearInterval(timer))
    retain()
    const mend = async (day: string, signal: AbortSignal) => (await writer.ask({ op: 'mend', day }, signal)).events
    shutdown.own('verifier', startVerifier(options, { log, mend }))
  }
  const value: Storage = { kind: 'sqlite', store, search }
  return Promise.resolve({ value, stop: () => shutdown.run(AbortSignal.timeout(15_000)) })
}

interface RetainingStore extends EventStore {
  retain(): Promise<void>
}

function storeOf(writer: WorkerClient, log: RuntimeDeps['log']): RetainingStore {
  let stuck: string | undefined
  const tellRemoved = (days: readonly string[]) => {
    if (days.length > 0) log.info({ days }, 'old days removed')
  }
  return {
    async write(items, signal) {
      const values = Buffer.concat(items.map(({ value }) => value))
      // Buffer.concat may answer with a slice of a shared pool, which cannot be moved.
      const own = new Uint8Array(values)
      const request = { op: 'write', values: own, items: items.map(headOf) } as const
      const { outcomes, damaged, removed } = await writer.ask(request, signal, [own.buffer])
      for (const { day, reason, aside } of damaged)
        log.error({ day, reason, aside }, "a day's file cannot be written: it is set aside, and a new one begun")
      tellRemoved(removed)
      const reason = outcomes.find((outcome) => outcome.kind === 'retry')?.reason
      if (reason !== undefined && stuck === undefined)
        log.error({ reason }, 'events cannot be stored: tried again until they can')
      if (reason === undefined && stuck !== undefined) log.info('events are stored again')
      stuck = reason
      return outcomes
    },
    setup: () => Promise.resolve(),
    isConnected: () => stuck === undefined,
    problem: () => stuck,
    async retain() {
      const { removed, lost } = await writer.ask({ op: 'retain' })
      for (const one of lost) log.error(one, "a day's last writes are damaged: these transactions are lost")
      tellRemoved(removed)
    },
  }
}

function headOf({ topic, id, atMs, value }: StoreItem) {
  return { topic, id, atMs, bytes: value.length }
}

function readOnly(): RetainingStore {
  const refuse = () => Promise.reject(new Error('this storage is open for reading'))
  return { write: refuse, setup: refuse, retain: refuse, isConnected: () => true, problem: () => undefined }
}

function searchOf(reader: WorkerClient, onUnreadable: (days: readonly UnreadableDay[]) => void): EventSearch {
  const self: EventSearch = {
    async search({ query, sort, limit, after, ...range }, signal) {
      const request = { op: 'search', query, range, sort, limit, after } as const
      const { events, next, unreadable } = await reader.ask(request, signal)
      onUnreadable(unreadable)
      const parsed = events.map((json) => JSON.parse(json) as ThumpEvent)
      const missing = unreadable.map(({ day, reason }) => `${day} (${reason})`)
      return { events: parsed, ...(next !== undefined && { next }), ...(missing.length > 0 && { unreadable: missing }) }
    },
    related: (request, signal) => searchRelated(self, request, signal),
    async count(query, range, signal) {
      const { count, unreadable } = await reader.ask({ op: 'count', query, range }, signal)
      onUnreadable(unreadable)
      return count
    },
    async top(field, query, range, limit, signal) {
      const { top, unreadable } = await reader.ask({ op: 'top', field, query, range, limit }, signal)
      onUnreadable(unreadable)
      return top
    },
    async histogram(query, range, bucketMs, signal) {
      const { buckets, unreadable } = await reader.ask({ op: 'histogram', query, range, bucketMs }, signal)
      onUnreadable(unreadable)
      return buckets
    },
  }
  return self
}
