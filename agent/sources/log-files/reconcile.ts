import type { Clock } from '../../../runtime/clock.ts'
import type { Tuning } from './contract.ts'
import type { Descriptors } from './descriptors.ts'
import { errorCode, holdsContent, withSameFile } from './evidence.ts'
import { GenerationFiles } from './generation-files.ts'
import type { Generation } from './generation.ts'
import { type Found, lookAround, type Patterns } from './look.ts'
import { PackedPartners } from './packed-partners.ts'
import type { createUnpacker } from './packed.ts'
import { inputName, type Registry } from './registry.ts'
import type { Telemetry } from './telemetry.ts'
import { UnknownFiles } from './unknown-files.ts'

export interface ReconcileDeps {
  readonly patterns: Patterns
  readonly registry: Registry
  readonly descriptors: Descriptors
  readonly unpacker: ReturnType<typeof createUnpacker>
  readonly telemetry: Telemetry
  readonly tuning: Tuning
  readonly now: Clock
  /** The generation's file is gone for good: give out what is still in memory of it. */
  readonly conclude: (generation: Generation) => void
}

/**
 * Matches the files there are with the generations that are known. First by file (inode and birth time, content checked
 * once a process), then by content (copies, rewritten and packed files); what is left is new. Absence counts only in a
 * look that saw everything.
 */
export class Reconciler {
  readonly #deps: ReconcileDeps
  readonly #files: GenerationFiles
  readonly #packed: PackedPartners
  readonly #unknown: UnknownFiles
  folders: ReadonlySet<string> = new Set()

  constructor(deps: ReconcileDeps) {
    this.#deps = deps
    this.#files = new GenerationFiles(deps)
    this.#packed = new PackedPartners({ ...deps, files: this.#files })
    this.#unknown = new UnknownFiles({ ...deps, files: this.#files, packed: this.#packed })
  }

  /** Why a matched file is not read, for `explain` and readiness. */
  get problems(): ReadonlyMap<string, string> {
    return this.#files.problems
  }

  run(): void {
    const { registry, patterns } = this.#deps
    const { problems } = this.#files
    const look = lookAround(patterns, registry.livePaths())
    this.folders = look.folders
    problems.clear()
    for (const [path, problem] of look.problems) problems.set(path, problem)
    this.#packed.pending.clear()
    const seen = new Set<Generation>()
    const unknown: Found[] = []
    const since = registry.beginLook(look.found)
    for (const found of look.found) if (!this.#byFile(found, seen)) unknown.push(found)
    this.#unknown.match(unknown, { look, since, seen })
    if (look.isComplete) this.#absent(seen)
    else for (const generation of registry.all) if (seen.has(generation)) generation.isDetached = false
    for (const input of patterns.inputs) if (look.isComplete) registry.knownInputs.add(inputName(input.input))
    for (const livePath of registry.forgetOld()) this.#deps.telemetry.forget(livePath)
  }

  /** The file's content is no longer the generation's. */
  lost(generation: Generation): void {
    this.#files.lost(generation)
  }

  #byFile(found: Found, seen: Set<Generation>): boolean {
    const { registry, descriptors, now } = this.#deps
    const generation = registry.byFile(found.stat)
    if (!generation || generation.isOver) return false
    if (seen.has(generation)) return true
    const isSame = generation.isVerified || this.#verify(found, generation)
    // It may be there and not be readable for a while: nothing may be concluded from that.
    if (isSame !== true) {
      if (isSame === 'unknown') seen.add(generation)
      return isSame === 'unknown'
    }
    const { saved } = generation
    // Truncated since it was read: its rest is looked for in a copy before anything new is made of that.
    if (saved.unpacked === undefined && found.stat.size < generation.readTo) {
      this.lost(generation)
      return false
    }
    seen.add(generation)
    generation.isDetached = false
    delete saved.missingSinceMs
    if (saved.path !== found.path) {
      saved.path = found.path
      registry.isChanged = true
    }
    if (saved.unpacked !== undefined) {
      if (saved.offset < saved.unpacked && generation.fd === undefined) this.#packed.unpack(found, generation)
      return true
    }
    if (found.stat.size !== generation.size || found.stat.mtimeMs !== generation.mtimeMs) {
      generation.look(found.stat, now())
      generation.isDirty = true
      if (generation.fd !== undefined) generation.growHead(generation.fd, found.stat.size)
    }
    const isLive = found.path === saved.livePath
    if (generation.fd === undefined && (isLive || found.stat.size !== generation.readTo)) this.#files.open(generation)
    else if (!isLive && this.#isDone(generation)) descriptors.close(generation)
    return true
  }

  #isDone(generation: Generation): boolean {
    const { now, tuning } = this.#deps
    const isRead = generation.isAtEnd && generation.isAcknowledged && generation.scannedTo === generation.readTo
    return isRead && now() - generation.grewAtMs > Math.max(30_000, tuning.deletedHoldMs)
  }

  /** After a start: is the content still there? Where it cannot be asked, `problems` says why. */
  #verify(found: Found, generation: Generation): boolean | 'unknown' {
    const { saved } = generation
    if (saved.unpacked !== undefined) {
      generation.isVerified = true
      return true
    }
    try {
      const isSame = withSameFile(found.path, found.stat, (fd) => holdsContent(fd, found.stat.size, saved))
      if (isSame) generation.isVerified = true
      else this.#deps.registry.unlink(generation)
      return isSame
    } catch (error) {
      this.#files.failed(found.path, errorCode(error))
      return 'unknown'
    }
  }

  /**
   * What complete looks did not show: held open until read, told where bytes are lost, remembered for its packed copy. One
   * look may miss a file that is renamed meanwhile; two in a row do not.
   */
  #absent(seen: ReadonlySet<Generation>): void {
    const { registry, telemetry, conclude, now } = this.#deps
    for (const generation of registry.all) {
      if (seen.has(generation)) generation.absences = 0
      if (seen.has(generation) || generation.saved.missingSinceMs !== undefined) continue
      if (this.#packed.pending.has(generation.saved.livePath)) continue
      if (generation.fd !== undefined) {
        generation.isDetached = true
        continue
      }
      if (++generation.absences < 2) continue
      conclude(generation)
      const { saved } = generation
      const known = Math.max(saved.unpacked ?? 0, generation.size)
      if (known > generation.readTo)
        telemetry.gap(saved.livePath, generation.readTo, known, saved.ino === '' ? 'truncated' : 'deleted')
      saved.missingSinceMs = now()
      registry.isChanged = true
    }
  }
}
