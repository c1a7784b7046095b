import type { Clock } from '../../../runtime/clock.ts'
import type { Tuning } from './contract.ts'
import type { Descriptors } from './descriptors.ts'
import { statFile } from './evidence.ts'
import type { Generation } from './generation.ts'
import type { Reader } from './reader.ts'
import type { Reconciler } from './reconcile.ts'
import type { Registry } from './registry.ts'
import type { Sender } from './sender.ts'
import type { Telemetry } from './telemetry.ts'

export interface FollowerDeps {
  readonly registry: Registry
  readonly reconciler: Reconciler
  readonly descriptors: Descriptors
  readonly reader: Reader
  readonly sender: Sender
  readonly telemetry: Telemetry
  readonly tuning: Tuning
  readonly now: Clock
}

/** Takes turns over the files that have something to read, as far as memory allows; lets go of what is read to its end. */
export class Follower {
  readonly #deps: FollowerDeps
  #mustReconcile = false

  constructor(deps: FollowerDeps) {
    this.#deps = deps
  }

  /** The full look, and what follows from it. */
  reconcile(): void {
    const { reconciler, registry } = this.#deps
    this.#mustReconcile = false
    reconciler.run()
    for (const generation of registry.all)
      if (generation.fd !== undefined && generation.isDetached) this.#held(generation)
    this.#keepBudget()
  }

  /** A file may have changed. False where nobody knows it: a look is due. */
  hint(path: string): boolean {
    let isKnown = false
    for (const generation of this.#deps.registry.family(path)) {
      if (generation.saved.path !== path || generation.fd === undefined) continue
      generation.isDirty = true
      isKnown = true
    }
    return isKnown
  }

  /** One share of each file that has something; true where more could be read at once. */
  turn(): boolean {
    const { registry, sender, tuning, now } = this.#deps
    const nowMs = now()
    let isMore = false
    for (const livePath of registry.livePaths()) {
      for (const generation of registry.family(livePath)) {
        if (generation.fd === undefined) continue
        if (generation.dueAtMs <= nowMs) generation.isDirty = true
        if (!generation.isDirty && !generation.hasMore) {
          if (holdsOthersBack(generation)) break
          continue
        }
        if (sender.bytes >= tuning.maxInFlightBytes || sender.bytesOf(livePath) >= tuning.maxFileInFlightBytes) break
        this.#read(generation, nowMs)
        isMore ||= generation.hasMore || generation.isDirty
        if (generation.hasMore || holdsOthersBack(generation)) break
      }
    }
    sender.pump()
    if (this.#mustReconcile) {
      this.reconcile()
      return true
    }
    return isMore
  }

  /** The earliest moment at which an unfinished record is due. */
  nextDueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { dueAtMs } of this.#deps.registry.all) if (dueAtMs < due) due = dueAtMs
    return due
  }

  /** The file is gone for good: what memory still holds of it goes out. */
  conclude(generation: Generation): void {
    const batch = this.#deps.reader.finish(generation)
    this.#deps.registry.isChanged = true
    this.#count(generation)
    generation.isOver = true
    generation.dueAtMs = Number.POSITIVE_INFINITY
    if (batch) this.#deps.sender.push(batch)
  }

  #read(generation: Generation, nowMs: number): void {
    const { reader, sender, reconciler, telemetry, tuning, registry } = this.#deps
    const outcome = reader.read(generation, nowMs)
    this.#count(generation)
    if (outcome.kind === 'replaced') {
      generation.dueAtMs = Number.POSITIVE_INFINITY
      reconciler.lost(generation)
      this.#mustReconcile = true
      return
    }
    const isUnfinished = generation.scannedTo > generation.readTo && !generation.hasMore
    const isPastRest = nowMs - generation.grewAtMs >= tuning.recordIdleMs
    const waitMs = isPastRest ? tuning.partialIdleMs : tuning.recordIdleMs
    const dueAtMs = generation.grewAtMs + waitMs
    generation.dueAtMs = isUnfinished && dueAtMs > nowMs ? dueAtMs : Number.POSITIVE_INFINITY
    if (outcome.kind !== 'batch') return
    if (!generation.isPersisted) registry.isChanged = true
    telemetry.read(outcome.batch.count)
    sender.push(outcome.batch)
  }

  #count(generation: Generation): void {
    const { framer, counted, saved } = generation
    const { telemetry } = this.#deps
    if (framer.nulBytes > counted.nul) telemetry.nulBytes(saved.livePath, framer.nulBytes - counted.nul)
    if (framer.longLines > counted.long) telemetry.longLines(saved.livePath, framer.longLines - counted.long)
    counted.nul = framer.nulBytes
    counted.long = framer.longLines
  }

  /** A renamed-away or deleted file that is still open: read on; let go once read, acknowledged and quiet. */
  #held(generation: Generation): void {
    const { now, tuning, descriptors, registry } = this.#deps
    if (generation.fd === undefined) return
    const stat = statFile(generation.fd)
    if (
      generation.saved.unpacked === undefined &&
      (stat.size !== generation.size || stat.mtimeMs !== generation.mtimeMs)
    ) {
      generation.look(stat, now())
      generation.isDirty = true
    }
    const isUnfinished = generation.scannedTo > generation.readTo || generation.isDirty
    if (isUnfinished || !generation.isAtEnd || !generation.isAcknowledged) return
    if (now() - generation.grewAtMs < tuning.deletedHoldMs) return
    descriptors.close(generation)
    generation.saved.missingSinceMs = now()
    registry.isChanged = true
  }

  /** Deleted files take disk until they are let go: beyond the budget the oldest is, and that is told. */
  #keepBudget(): void {
    const { registry, descriptors, telemetry, tuning, now } = this.#deps
    const held = [...registry.all].filter(({ fd, isDetached }) => fd !== undefined && isDetached)
    held.sort((a, b) => a.saved.order - b.saved.order)
    let bytes = held.reduce((sum, { size }) => sum + size, 0)
    for (const generation of held) {
      if (bytes <= tuning.maxHeldBytes) return
      bytes -= generation.size
      const { livePath } = generation.saved
      if (generation.size > generation.readTo) telemetry.gap(livePath, generation.readTo, generation.size, 'held-bytes')
      descriptors.close(generation)
      generation.isOver = true
      generation.dueAtMs = Number.POSITIVE_INFINITY
      generation.saved.missingSinceMs = now()
      registry.isChanged = true
    }
  }
}

/** What is older goes first: a last record that only waits for its rest. An unfinished line may never end, and holds nobody. */
function holdsOthersBack({ dueAtMs, remainder }: Generation): boolean {
  return dueAtMs !== Number.POSITIVE_INFINITY && remainder.includes(0x0a)
}
