import type { Clock } from '../../../runtime/clock.ts'
import type { LogInput, Tuning } from './contract.ts'
import { isCopy, isOriginal, isReplaced } from './copies.ts'
import type { Descriptors } from './descriptors.ts'
import { errorCode, holdsContent, readRange, statFile, tailBytes, withSameFile, fingerprint } from './evidence.ts'
import type { Generation } from './generation.ts'
import { type Found, inputOf, type Look, lookAround, type Patterns } from './look.ts'
import type { createUnpacker } from './packed.ts'
import { inputName, type Registry } from './registry.ts'
import { rotationNumber } from './rotation-name.ts'
import type { Telemetry } from './telemetry.ts'

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

/** Full evidence: below it equal beginnings are likely enough to be chance. */
const strongBytes = tailBytes

/**
 * Matches the files there are with the generations that are known. First by file (inode and birth time, content checked
 * once a process), then by content (copies, rewritten and packed files); what is left is new. Absence counts only in a
 * look that saw everything.
 */
export class Reconciler {
  readonly #deps: ReconcileDeps
  /** Partners that were there before us, or are copies: by file, with what they looked like. */
  readonly #ignored = new Map<string, string>()
  /** Why a matched file is not read, for `explain` and readiness. */
  readonly problems = new Map<string, string>()
  folders: ReadonlySet<string> = new Set()
  #pendingPacked = new Set<string>()

  constructor(deps: ReconcileDeps) {
    this.#deps = deps
  }

  run(): void {
    const { registry, patterns } = this.#deps
    const look = lookAround(patterns, registry.livePaths())
    this.folders = look.folders
    this.problems.clear()
    for (const [path, problem] of look.problems) this.problems.set(path, problem)
    this.#pendingPacked.clear()
    const seen = new Set<Generation>()
    const unknown: Found[] = []
    const since = registry.beginLook(look.found)
    for (const found of look.found) if (!this.#byFile(found, seen)) unknown.push(found)
    this.#byContent(unknown, since, seen, look)
    if (look.isComplete) this.#absent(seen)
    else for (const generation of registry.all) if (seen.has(generation)) generation.isDetached = false
    for (const input of patterns.inputs) if (look.isComplete) registry.knownInputs.add(inputName(input.input))
    registry.forgetOld()
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
      if (saved.offset < saved.unpacked && generation.fd === undefined) this.#unpack(found, generation)
      return true
    }
    if (found.stat.size !== generation.size || found.stat.mtimeMs !== generation.mtimeMs) {
      generation.look(found.stat, now())
      generation.isDirty = true
    }
    const isLive = found.path === saved.livePath
    if (generation.fd === undefined && (isLive || found.stat.size !== generation.readTo)) this.#open(generation)
    else if (!isLive && this.#isDone(generation)) descriptors.close(generation)
    return true
  }

  #open(generation: Generation): void {
    const { descriptors, registry } = this.#deps
    // Closed meanwhile for want of descriptors, or not yet looked into by this process.
    const error = descriptors.open(generation)
    generation.error = error
    if (error !== undefined) {
      if (error !== 'moved' && !(error === 'descriptor-limit' && generation.isAtEnd))
        this.problems.set(generation.saved.path, error)
      return
    }
    const { fd, saved } = generation
    if (fd !== undefined && !holdsContent(fd, statFile(fd).size, saved) && generation.readTo === saved.offset) {
      this.lost(generation)
      registry.isChanged = true
    }
    generation.isDirty = true
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
      const code = errorCode(error)
      if (code !== 'ENOENT' && code !== 'MOVED') this.problems.set(found.path, code)
      return 'unknown'
    }
  }

  /** The file's content is no longer the generation's: its rest may lie in a copy, which the next look searches. */
  lost(generation: Generation): void {
    const { descriptors, registry, telemetry } = this.#deps
    descriptors.close(generation)
    generation.isVerified = true
    generation.isDetached = true
    registry.unlink(generation)
    telemetry.truncated(generation.saved.livePath)
  }

  /** Only the last records were taken away: what stands before them is not sent again. */
  #shortened(found: Found, generation: Generation, seen: Set<Generation>): boolean {
    const mark = generation.markAt(found.stat.size)
    if (!mark || found.stat.size === 0) return false
    const tail = withSameFile(found.path, found.stat, (fd) => readRange(fd, mark.offset - mark.tailLength, mark.offset))
    if (fingerprint(tail) !== mark.tail) return false
    const { registry } = this.#deps
    registry.unlink(generation)
    generation.isOver = true
    const next = this.#deps.registry.create(found, generation.input)
    // A generation of its own: an event at the same offset is another event and needs another id.
    this.#startAt(next, found, mark.offset)
    next.framer.family = generation.framer.family
    next.saved.family = generation.framer.family
    next.saved.encoding = generation.saved.encoding
    seen.add(next)
    this.#open(next)
    return true
  }

  #startAt(generation: Generation, { path, stat }: Found, offset: number): void {
    const { saved } = generation
    withSameFile(path, stat, (fd) => {
      generation.growHead(fd, generation.size)
      const tail = readRange(fd, Math.max(0, offset - tailBytes), offset)
      saved.tail = fingerprint(tail)
      saved.tailLength = tail.length
      generation.readTail = tail
    })
    saved.offset = offset
    generation.readTo = offset
    generation.scannedTo = offset
  }

  /** Live files last: their rotated partners are older and their order comes first. */
  #byContent(unknown: readonly Found[], since: ReadonlyMap<string, number>, seen: Set<Generation>, look: Look): void {
    const sorted = [...unknown].sort((a, b) => {
      const [aLive, bLive] = [a.path === a.livePath ? 1 : 0, b.path === b.livePath ? 1 : 0]
      return aLive - bLive || a.stat.mtimeMs - b.stat.mtimeMs || rotationNumber(b.path) - rotationNumber(a.path)
    })
    const isFirst = new Map(sorted.map(({ livePath }) => [livePath, !since.has(livePath)]))
    for (const found of sorted) {
      if (this.#deps.registry.byFile(found.stat)) continue
      const key = `${found.stat.ino} ${found.stat.birthNs}`
      const face = `${found.stat.size} ${found.stat.mtimeMs}`
      if (this.#ignored.get(key) === face) continue
      try {
        const taken = found.isPacked
          ? this.#packed(found, since, seen)
          : this.#plain(found, since, seen, isFirst.get(found.livePath) === true)
        // A copy is looked at again: its original may be truncated by then, and only the copy have the rest.
        if (taken === 'ignore') this.#ignored.set(key, face)
      } catch (error) {
        const code = errorCode(error)
        if (code !== 'ENOENT' && code !== 'MOVED') this.problems.set(found.path, code)
      }
    }
    if (look.isComplete && this.#ignored.size > 10_000) this.#ignored.clear()
  }

  #plain(
    found: Found,
    since: ReadonlyMap<string, number>,
    seen: Set<Generation>,
    isFirstLook: boolean,
  ): 'taken' | 'ignore' | 'copy' {
    const { registry } = this.#deps
    const copied = this.#contentOf(found, seen) ?? this.#copyOf(found)
    if (copied === 'copy') return 'copy'
    if (copied) {
      this.#deps.descriptors.close(copied)
      registry.moveTo(copied, found)
      copied.isVerified = true
      copied.isDetached = false
      copied.look(found.stat, this.#deps.now())
      copied.confirm()
      copied.isDirty = true
      seen.add(copied)
      this.#open(copied)
      return 'taken'
    }
    if (found.path === found.livePath) {
      const lost = registry
        .family(found.livePath)
        .filter((one) => !one.isOver && one.fd === undefined && !seen.has(one))
      if (lost.some((generation) => this.#shortened(found, generation, seen))) return 'taken'
    }
    const input = found.input ?? this.#missed(found, since)
    if (!input || this.#isTooOld(found, input)) return 'ignore'
    // What it begins with is saved with its first record: a crash right after must know it again in a copy. A file that
    // may not be read throws here and is tried again at every look.
    const generation = withSameFile(found.path, found.stat, (fd) => {
      const created = this.#deps.registry.create(found, input)
      created.growHead(fd, found.stat.size)
      return created
    })
    this.#deps.telemetry.generation(found.livePath)
    if (isFirstLook && input.startAt === 'end' && !registry.knownInputs.has(inputName(input))) {
      this.#startAt(generation, found, found.stat.size)
      const last = withSameFile(found.path, found.stat, (fd) =>
        readRange(fd, Math.max(0, found.stat.size - 1), found.stat.size),
      )
      if (last.length === 1 && last[0] !== 0x0a) generation.mid = 'skip'
      generation.saved.mid = generation.mid
    }
    seen.add(generation)
    this.#open(generation)
    return 'taken'
  }

  /** A partner that no pattern names, written since we know the file: rotated away before we saw it live. */
  #missed(found: Found, since: ReadonlyMap<string, number>): LogInput | undefined {
    const first = since.get(found.livePath)
    if (first === undefined || found.stat.mtimeMs <= first) return undefined
    return inputOf(this.#deps.patterns, found.livePath)
  }

  #isTooOld(found: Found, input: LogInput): boolean {
    const isOld = input.ignoreOlder !== undefined && this.#deps.now() - found.stat.mtimeMs > input.ignoreOlder
    if (isOld) this.problems.set(found.path, 'ignored-older')
    return isOld
  }

  /** The new partner that was copied from this new live file, which then is the one to read. */
  #copyOf(found: Found): Generation | undefined {
    if (found.path !== found.livePath) return undefined
    const partners = this.#deps.registry.family(found.livePath).filter(({ saved }) => saved.path !== found.path)
    const isNew = partners.filter(
      ({ isOver, readTo, saved }) => !isOver && readTo === 0 && saved.missingSinceMs === undefined,
    )
    if (isNew.length === 0) return undefined
    return withSameFile(found.path, found.stat, (fd) => isNew.find((one) => isOriginal(fd, found.stat, one)))
  }

  /** The generation whose content the unknown file continues; `copy` where its own file still is there. */
  #contentOf(found: Found, seen: ReadonlySet<Generation>): Generation | 'copy' | undefined {
    const isLive = found.path === found.livePath
    const family = this.#deps.registry
      .family(found.livePath)
      .filter(({ isOver, saved }) => !isOver && saved.headLength > 0)
    if (family.length === 0 || found.stat.size === 0) return undefined
    return withSameFile(found.path, found.stat, (fd) => {
      let best: Generation | undefined
      for (const generation of family) {
        if (generation.fd !== undefined || seen.has(generation)) {
          if (isLive) continue
          if (isCopy(fd, found.stat.size, generation)) return 'copy'
          // Truncated and written to again between two looks: the copy alone has what was there before.
          if (!holdsContent(fd, found.stat.size, generation.saved) || !isReplaced(generation)) continue
          this.lost(generation)
        }
        const { saved } = generation
        // Little content is little evidence: then the name must be a partner's and the time must fit as well.
        const isWeak = saved.offset < strongBytes
        if (isWeak && (isLive || found.stat.mtimeMs < saved.mtimeMs)) continue
        if (holdsContent(fd, found.stat.size, saved) && saved.offset >= (best?.saved.offset ?? 0)) best = generation
      }
      return best
    })
  }

  #packed(found: Found, since: ReadonlyMap<string, number>, seen: Set<Generation>): 'taken' | 'ignore' | 'wait' {
    const { registry, unpacker, telemetry } = this.#deps
    const family = registry.family(found.livePath)
    const isWanted = found.input !== undefined || this.#missed(found, since) !== undefined
    if (family.length === 0 && !isWanted) return 'ignore'
    const result = unpacker.ask(found)
    if (result === 'pending') {
      this.#pendingPacked.add(found.livePath)
      return 'wait'
    }
    if (result.kind === 'broken') {
      this.problems.set(found.path, 'unreadable-gzip')
      if (isWanted && this.#deps.now() - found.stat.mtimeMs > 60_000)
        telemetry.gap(found.path, 0, found.stat.size, 'unreadable-gzip')
      return 'ignore'
    }
    const { fd, size } = result
    const open = family.find((one) => one.saved.headLength > 0 && holdsContent(fd, size, one.saved))
    // Its own file is still there, or held open: that one is read to its end.
    if (open?.fd !== undefined || (open && seen.has(open))) {
      this.#deps.descriptors.release(fd)
      return 'ignore'
    }
    const input = found.input ?? this.#missed(found, since)
    if (!open && (!input || this.#isTooOld(found, input))) {
      this.#deps.descriptors.release(fd)
      return 'ignore'
    }
    const generation = open ?? this.#deps.registry.create(found, input as LogInput)
    if (!open) telemetry.generation(found.livePath)
    registry.moveTo(generation, found)
    generation.isVerified = true
    seen.add(generation)
    this.#readUnpacked(generation, fd, size)
    return 'taken'
  }

  #unpack(found: Found, generation: Generation): void {
    const result = this.#deps.unpacker.ask(found)
    if (result === 'pending') return
    if (result.kind === 'broken') this.problems.set(found.path, 'unreadable-gzip')
    else this.#readUnpacked(generation, result.fd, result.size)
  }

  #readUnpacked(generation: Generation, fd: number, size: number): void {
    const { descriptors, registry, now } = this.#deps
    generation.saved.unpacked = size
    generation.size = size
    generation.grewAtMs = now()
    generation.isDetached = false
    registry.isChanged = true
    if (generation.readTo >= size) this.#deps.descriptors.release(fd)
    else {
      descriptors.adopt(generation, fd)
      generation.isDirty = true
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
      if (this.#pendingPacked.has(generation.saved.livePath)) continue
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
