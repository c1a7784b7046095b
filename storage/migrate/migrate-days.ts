import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'
import { backoffMs, retryForever, sleep } from '../../runtime/retry.ts'
import { listDays } from '../sqlite/day-files.ts'
import { DayScan, type ScannedItem } from '../sqlite/scan-days.ts'
import type { EventStore, Outcome } from '../storage.ts'

export interface MigrateDaysDeps {
  /** The days' folder. */
  readonly dir: string
  readonly store: EventStore
  /** Where is kept how far it is; of one target only. */
  readonly journalPath: string
  readonly target: string
  readonly onProgress: (day: string, events: number, total: number) => void
  /** Once for each event that the target will never take. */
  readonly onRefused: (id: string, reason: string, error: string) => void
  readonly onAway: (cause: unknown) => void
}

export type DayMigrated =
  | {
      readonly kind: 'carried'
      readonly day: string
      /** Of this run; `present` were in the target already. */
      readonly stored: number
      readonly present: number
      readonly refused: number
    }
  | { readonly kind: 'failed'; readonly day: string; readonly error: unknown }

interface Place {
  readonly rowid: number
  readonly id: string
}

interface Kept {
  readonly version: 1
  readonly target: string
  readonly days: Readonly<Record<string, Place>>
}

const bulk = 1000
const backoff = { baseMs: 200, maxMs: 30_000 }

/**
 * Every stored event into another store, day by day; `create` by id makes it idempotent. Waits for a target that is away. A
 * day that cannot be read is named, and the rest is carried. Broken off, the next run goes on where this one was.
 */
export async function* migrateDays(deps: MigrateDaysDeps, signal: AbortSignal): AsyncGenerator<DayMigrated> {
  const { dir, journalPath, target } = deps
  const found = readJsonFile(journalPath) as Kept | undefined
  let kept: Kept = found?.version === 1 && found.target === target ? found : { version: 1, target, days: {} }
  for (const day of listDays(dir)) {
    const keep = (place: Place) => {
      kept = { ...kept, days: { ...kept.days, [day]: place } }
      writeDurably(journalPath, `${JSON.stringify(kept)}\n`)
    }
    try {
      yield await migrateDay(day, kept.days[day], keep, deps, signal)
    } catch (error) {
      signal.throwIfAborted()
      yield { kind: 'failed', day, error }
    }
  }
}

async function migrateDay(
  day: string,
  place: Place | undefined,
  keep: (place: Place) => void,
  deps: MigrateDaysDeps,
  signal: AbortSignal,
): Promise<DayMigrated> {
  const scan = new DayScan(deps.dir, day)
  try {
    const total = scan.count()
    // A file that was set aside and begun anew has other rows.
    let at = place && scan.idAt(place.rowid) === place.id ? place.rowid : 0
    const done = { stored: 0, present: 0, refused: 0 }
    for (let items = scan.next(at, bulk); items.length > 0; items = scan.next(at, bulk)) {
      const outcomes = await settle(items, deps, signal)
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.kind === 'stored') done[outcome.isDuplicate ? 'present' : 'stored']++
        else if (outcome.kind === 'reject') {
          done.refused++
          deps.onRefused(items[index]?.id ?? '', outcome.reason, outcome.error)
        }
      }
      const last = items.at(-1)
      if (last) keep({ rowid: (at = last.rowid), id: last.id })
      deps.onProgress(day, done.stored + done.present + done.refused, total)
    }
    return { kind: 'carried', day, ...done }
  } finally {
    scan.close()
  }
}

/** Until each is stored or refused for good. */
async function settle(
  items: readonly ScannedItem[],
  { store, onAway }: MigrateDaysDeps,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const settled: Outcome[] = Array.from({ length: items.length })
  let pending = items.map((item, index) => ({ item, index }))
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt > 0) await sleep(backoffMs(backoff, attempt - 1, Math.random()), signal)
    const ask = pending.map(({ item }) => item)
    const onFailure = (cause: unknown, failures: number) => {
      if (failures === 1) onAway(cause)
    }
    const outcomes = await retryForever(() => store.write(ask, signal), backoff, signal, { onFailure })
    pending = pending.filter(({ index }, position) => {
      const outcome = outcomes[position]
      if (!outcome || outcome.kind === 'retry') return true
      settled[index] = outcome
      return false
    })
  }
  return settled
}
