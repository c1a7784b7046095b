import type { Clock } from '../../../runtime/clock.ts'
import type { LogInput } from './contract.ts'
import { isCopy, isOriginal, isReplaced } from './copies.ts'
import type { Descriptors } from './descriptors.ts'
import { errorCode, fingerprint, holdsContent, readRange, tailBytes, withSameFile } from './evidence.ts'
import type { GenerationFiles } from './generation-files.ts'
import type { Generation } from './generation.ts'
import { ageOf, type Found, inputOf, type Look, type Patterns } from './look.ts'
import type { PackedPartners } from './packed-partners.ts'
import { inputName, type Registry } from './registry.ts'
import { byAge } from './rotation-name.ts'
import type { Telemetry } from './telemetry.ts'

export interface UnknownFilesDeps {
  readonly patterns: Patterns
  readonly registry: Registry
  readonly descriptors: Descriptors
  readonly telemetry: Telemetry
  readonly files: GenerationFiles
  readonly packed: PackedPartners
  readonly now: Clock
}

/** What is being concluded from one look. */
export interface Pass {
  readonly look: Look
  /** Live path → when the first of its files was seen; absent for those that this look shows first. */
  readonly since: ReadonlyMap<string, number>
  /** Generations whose file the look has shown. */
  readonly seen: Set<Generation>
}

/** Full evidence: below it equal beginnings are likely enough to be chance. */
const strongBytes = tailBytes
const maxIgnored = 10_000

/** Files that are no generation's by inode: the rest of one under another inode, a copy, a stranger, or new. */
export class UnknownFiles {
  readonly #deps: UnknownFilesDeps
  /** Partners that were there before us, or are strangers: by file, with what they looked like. */
  readonly #ignored = new Map<string, string>()
  /** Files that their generations were found not to be in any more. */
  readonly #freed: Found[] = []

  constructor(deps: UnknownFilesDeps) {
    this.#deps = deps
  }

  /** Oldest first, so that what is made of them is read in this order. */
  match(unknown: readonly Found[], pass: Pass): void {
    const { registry, files } = this.#deps
    const queue = [...unknown].sort((a, b) => byAge(ageOf(a), ageOf(b)))
    for (let found = queue.shift(); found; found = queue.shift()) {
      if (registry.byFile(found.stat)) continue
      const key = `${found.stat.ino} ${found.stat.birthNs}`
      const face = `${found.stat.size} ${found.stat.mtimeMs}`
      if (this.#ignored.get(key) === face) continue
      try {
        const taken = found.isPacked ? this.#packed(found, pass) : this.#plain(found, pass)
        // A copy is looked at again: its original may be truncated by then, and only the copy have the rest.
        if (taken === 'ignore') this.#ignored.set(key, face)
      } catch (error) {
        files.failed(found.path, errorCode(error))
      }
      // A file that has lost its generation to an older one has its place before those that are younger.
      if (this.#freed.length === 0) continue
      queue.push(...this.#freed.splice(0))
      queue.sort((a, b) => byAge(ageOf(a), ageOf(b)))
    }
    if (pass.look.isComplete && this.#ignored.size > maxIgnored) this.#ignored.clear()
  }

  #packed(found: Found, { since, seen }: Pass): 'taken' | 'ignore' | 'wait' {
    const input = found.input ?? this.#missed(found, since)
    return this.#deps.packed.match(found, input, () => input !== undefined && this.#isTooOld(found, input), seen)
  }

  #plain(found: Found, pass: Pass): 'taken' | 'ignore' | 'copy' {
    const { registry } = this.#deps
    const copied = this.#contentOf(found, pass) ?? this.#copyOf(found)
    if (copied === 'copy') return 'copy'
    if (copied) {
      this.#moveTo(copied, found)
      pass.seen.add(copied)
      return 'taken'
    }
    if (found.path === found.livePath) {
      const lost = registry
        .family(found.livePath)
        .filter((one) => !one.isOver && one.fd === undefined && !pass.seen.has(one))
      if (lost.some((generation) => this.#shortened(found, generation, pass.seen))) return 'taken'
    }
    const input = found.input ?? this.#missed(found, pass.since)
    if (!input || this.#isTooOld(found, input)) return 'ignore'
    pass.seen.add(this.#begin(found, input, !pass.since.has(found.livePath)))
    return 'taken'
  }

  #moveTo(generation: Generation, found: Found): void {
    const { descriptors, registry, files, now } = this.#deps
    descriptors.close(generation)
    registry.moveTo(generation, found)
    generation.isVerified = true
    generation.isDetached = false
    generation.look(found.stat, now())
    generation.confirm()
    generation.isDirty = true
    files.open(generation)
  }

  #begin(found: Found, input: LogInput, isFirstLook: boolean): Generation {
    const { registry, telemetry, files } = this.#deps
    // What it begins with is saved with its first record: a crash right after must know it again in a copy. A file that
    // may not be read throws here and is tried again at every look.
    const generation = withSameFile(found.path, found.stat, (fd) => {
      const created = registry.create(found, input)
      created.growHead(fd, found.stat.size)
      return created
    })
    telemetry.generation(found.livePath)
    if (isFirstLook && input.startAt === 'end' && !registry.knownInputs.has(inputName(input))) {
      startAt(generation, found, found.stat.size)
      const last = withSameFile(found.path, found.stat, (fd) =>
        readRange(fd, Math.max(0, found.stat.size - 1), found.stat.size),
      )
      if (last.length === 1 && last[0] !== 0x0a) generation.mid = 'skip'
      generation.saved.mid = generation.mid
    }
    files.open(generation)
    return generation
  }

  /** Only the last records were taken away: what stands before them is not sent again. */
  #shortened(found: Found, generation: Generation, seen: Set<Generation>): boolean {
    const mark = generation.markAt(found.stat.size)
    if (!mark || found.stat.size === 0) return false
    const tail = withSameFile(found.path, found.stat, (fd) => readRange(fd, mark.offset - mark.tailLength, mark.offset))
    if (fingerprint(tail) !== mark.tail) return false
    const { registry, files } = this.#deps
    registry.unlink(generation)
    generation.isOver = true
    const next = registry.create(found, generation.input)
    // A generation of its own: an event at the same offset is another event and needs another id.
    startAt(next, found, mark.offset)
    next.framer.family = generation.framer.family
    next.saved.family = generation.framer.family
    next.saved.encoding = generation.saved.encoding
    seen.add(next)
    files.open(next)
    return true
  }

  /** A partner that no pattern names, written since we know the file: rotated away before we saw it live. */
  #missed(found: Found, since: ReadonlyMap<string, number>): LogInput | undefined {
    const first = since.get(found.livePath)
    if (first === undefined || found.stat.mtimeMs <= first) return undefined
    return inputOf(this.#deps.patterns, found.livePath)
  }

  #isTooOld(found: Found, input: LogInput): boolean {
    const isOld = input.ignoreOlder !== undefined && this.#deps.now() - found.stat.mtimeMs > input.ignoreOlder
    if (isOld) this.#deps.files.problems.set(found.path, 'ignored-older')
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
  #contentOf(found: Found, pass: Pass): Generation | 'copy' | undefined {
    const isLive = found.path === found.livePath
    const family = this.#deps.registry
      .family(found.livePath)
      .filter(({ isOver, saved }) => !isOver && saved.headLength > 0)
    if (family.length === 0 || found.stat.size === 0) return undefined
    return withSameFile(found.path, found.stat, (fd) => {
      let best: Generation | undefined
      for (const generation of family) {
        if (generation.fd !== undefined || pass.seen.has(generation)) {
          if (isLive) continue
          if (isCopy(fd, found.stat.size, generation)) return 'copy'
          // Truncated and written to again between two looks: the copy alone has what was there before.
          if (!holdsContent(fd, found.stat.size, generation.saved) || !isReplaced(generation)) continue
          this.#free(generation, pass.look)
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

  #free(generation: Generation, { found }: Look): void {
    const { ino, birthNs } = generation.saved
    const own = found.find(({ stat }) => stat.ino === ino && stat.birthNs === birthNs)
    if (own) this.#freed.push(own)
    this.#deps.files.lost(generation)
  }
}

function startAt(generation: Generation, { path, stat }: Found, offset: number): void {
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
