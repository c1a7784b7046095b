import { join } from 'node:path'
import type { Clock } from '../../runtime/clock.ts'
import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'
import type { Logger } from '../../runtime/log.ts'
import { sleep } from '../../runtime/retry.ts'
import type { ManagementAccount } from '../broker/management.ts'
import { readLists } from './broker-lists.ts'
import type { Correlator } from './correlator.ts'
import { queueFacts } from './queues.ts'
import { restoreSnapshot, takeSnapshot } from './snapshot.ts'

export interface KeepUpDeps {
  readonly correlator: Correlator
  readonly dataDir: string
  readonly management: ManagementAccount | undefined
  readonly log: Logger
  readonly now: Clock
  readonly listAfterMs?: number
}

/** Keeps what the correlator knows over restarts of the agent, and in step with the broker's own lists. */
export interface KeepUp {
  /** A session's first events came: this agent is the one that reads them. Others may have read before it. */
  begin(signal: AbortSignal): void
  /** Is this agent the one that reads the shared event queue? One of a cluster's is. */
  isReading(): boolean
  /** After what came was acknowledged: saved now and then. */
  tick(): void
  /** Everything read is acknowledged, and nothing follows. */
  end(): void
}

/** The broker lists a connection up to five seconds after it opened: by then its own event has come. */
const defaultListAfterMs = 7000
const listEveryMs = 10 * 60_000
/** A tenth of a second of work at most every half minute: large brokers have large snapshots. */
const saveEveryMs = 10_000
const saveEveryPerConnectionMs = 2

export function createKeepUp({ correlator, dataDir, management, log, now, listAfterMs }: KeepUpDeps): KeepUp {
  const file = join(dataDir, 'correlator.json')
  restoreSnapshot(correlator, readJsonFile(file))
  let savedMs = now()
  let isListing = false
  let sessions = 0
  let reading: AbortSignal | undefined
  const save = (isClean: boolean) => {
    writeDurably(file, takeSnapshot(correlator, isClean))
    savedMs = now()
  }
  const list = async (account: ManagementAccount, signal: AbortSignal) => {
    const atMs = now()
    const { connections, queues, nodes } = await readLists(account, signal)
    correlator.reconcile(connections, atMs)
    correlator.isSingleNode = nodes === 1
    for (const queue of queues)
      if (!correlator.queues.get(queue)) correlator.queues.set(queue, { facts: queueFacts(queue), consumersSeen: 0 })
  }
  const keepListing = async (account: ManagementAccount, signal: AbortSignal) => {
    for (let waitMs = listAfterMs ?? defaultListAfterMs; ; waitMs = listEveryMs) {
      await sleep(waitMs, signal)
      await list(account, signal).catch((err: unknown) => {
        if (!signal.aborted) log.warn({ err }, 'connections not listed; who did it is told from events alone')
      })
    }
  }
  return {
    begin(signal) {
      // A snapshot that calls itself clean must not outlive the first event after it; and while a session was broken
      // connections may have ended without a word (a broker that was killed): complete again with the next list.
      reading = signal
      if (sessions++ > 0) correlator.completeFromMs = undefined
      save(false)
      if (isListing || !management) return
      isListing = true
      keepListing(management, signal).catch(() => {
        isListing = false
      })
    },
    isReading: () => reading?.aborted === false,
    tick() {
      const everyMs = saveEveryMs + correlator.connections.size * saveEveryPerConnectionMs
      if (now() - savedMs >= everyMs) save(false)
    },
    end: () => save(true),
  }
}
