import { reasonOf } from '../runtime/errors.ts'
import { backoffMs, sleep } from '../runtime/retry.ts'
import { LateError, within } from '../runtime/within.ts'
import { CutOffError } from '../storage/cut-off-error.ts'
import type { EventStore, Outcome, StoreItem } from '../storage/storage.ts'
import { type BulkResult, initialBulkSize, nextBulkSize } from './bulk-size.ts'
import type { Refused } from './burial.ts'
import { CutOffs } from './cut-offs.ts'
import type { ForwarderTelemetry } from './telemetry.ts'
import type { Work } from './work-queue.ts'

export interface BulkWriterDeps {
  readonly store: Pick<EventStore, 'write'>
  readonly telemetry: ForwarderTelemetry
  /** These are stored, now or before. */
  readonly onStored: (works: readonly Work[]) => void
}

export interface Pending {
  readonly work: Work
  readonly item: StoreItem
}

const backoff = { baseMs: 200, maxMs: 30_000 }
/** Longer than any storage's own limits. A write that is not over then is left behind, and the same is written anew. */
const writeLimitMs = 180_000
/** So often halved, 4,000 events are 500. */
const sizeFailures = 3
/** No larger event is kept as a witness. */
const maxWitnessBytes = 65_536

/** Writes in bulk until each event is stored or refused; what may succeed later is tried for ever, alone. */
export class BulkWriter {
  readonly #deps: BulkWriterDeps
  readonly #cutOffs = new CutOffs<StoreItem>()
  /** An event that lies in the store: written again, which changes nothing there, it shows that others pass. */
  #witness: StoreItem | undefined
  #bulk = initialBulkSize

  constructor(deps: BulkWriterDeps) {
    this.#deps = deps
  }

  /** How many events a bulk may have now. */
  get documents(): number {
    return this.#bulk.documents
  }

  /**
   * Adds to `refused` what the store will never take. After a write without an answer half as many are tried, since a
   * proxy that cuts off large bodies does so for ever; then more again. One that is cut off alone lets the others go first.
   */
  async write(all: readonly Pending[], refused: Refused[], signal: AbortSignal): Promise<void> {
    let pending = all
    let [most, limitMs, failures] = [all.length, writeLimitMs, 0]
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt > 0) await sleep(backoffMs(backoff, attempt - 1, Math.random()), signal)
      const now = pending.slice(0, most)
      const startedMs = performance.now()
      const written = await this.#store(now, limitMs, signal)
      if (written instanceof Error) {
        failures++
        most = Math.ceil(now.length / 2)
        // Ever longer: each that is left behind may hold its memory.
        if (written instanceof LateError) limitMs *= 2
        const [alone] = now
        if (alone && now.length === 1 && written instanceof CutOffError) {
          const isToBlame = await this.#isToBlame(alone, limitMs, signal)
          if (isToBlame) refused.push({ work: alone.work, reason: 'cut-off', error: reasonOf(written) })
          pending = [...pending.slice(1), ...(isToBlame ? [] : now)]
        }
        continue
      }
      const again = this.#sort(now, written, refused)
      const tookMs = performance.now() - startedMs
      this.#learn({ documents: now.length, tookMs, wasPushedBack: again.length > 0 }, failures)
      if (failures > 0) this.#deps.telemetry.back()
      failures = 0
      if (again.length === 0) attempt = -1
      most = now.length * 2
      pending = [...again, ...pending.slice(now.length)]
    }
  }

  /** Few failures may have been the size's fault, many are an outage, which says nothing about it. */
  #learn(result: BulkResult, failures: number): void {
    const isSmaller = failures > 0 && failures <= sizeFailures
    this.#bulk = nextBulkSize(isSmaller ? { documents: result.documents } : this.#bulk, result)
  }

  async #isToBlame({ work, item }: Pending, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const witness = this.#witness
    const passes = witness && !((await this.#store([{ work, item: witness }], limitMs, signal)) instanceof Error)
    return this.#cutOffs.note(item, passes === true, performance.now())
  }

  /** The outcomes, or why there are none. */
  async #store(pending: readonly Pending[], limitMs: number, signal: AbortSignal): Promise<readonly Outcome[] | Error> {
    const { store, telemetry } = this.#deps
    const items = pending.map(({ item }) => item)
    try {
      return await within(limitMs, signal, (inTime) => store.write(items, inTime))
    } catch (cause) {
      if (signal.aborted) throw cause
      if (cause instanceof LateError) telemetry.hung()
      else telemetry.away(cause)
      return cause instanceof Error ? cause : new Error(String(cause))
    }
  }

  /** Adds to what is refused, and answers with what is to be tried again. */
  #sort(pending: readonly Pending[], outcomes: readonly Outcome[], refused: Refused[]): Pending[] {
    const again: Pending[] = []
    const stored: Work[] = []
    const retried = new Map<string, number>()
    let duplicates = 0
    for (const [index, one] of pending.entries()) {
      const outcome = outcomes[index]
      if (outcome?.kind === 'stored') {
        if (outcome.isDuplicate) duplicates++
        stored.push(one.work)
        if (stored.length === 1) this.#remember(one.item)
      } else if (outcome?.kind === 'reject')
        refused.push({ work: one.work, reason: outcome.reason, error: outcome.error })
      else {
        again.push(one)
        const reason = outcome?.reason ?? 'no-outcome'
        retried.set(reason, (retried.get(reason) ?? 0) + 1)
      }
    }
    this.#deps.telemetry.stored(stored.length - duplicates, duplicates)
    for (const [reason, count] of retried) this.#deps.telemetry.retried(reason, count)
    if (stored.length > 0) this.#deps.onStored(stored)
    return again
  }

  /** A copy: the value is part of all that was read with it. */
  #remember(item: StoreItem): void {
    if (item.value.length <= maxWitnessBytes) this.#witness = { ...item, value: Buffer.from(item.value) }
  }
}
