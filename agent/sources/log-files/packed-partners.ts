import type { Clock } from '../../../runtime/clock.ts'
import type { LogInput } from './contract.ts'
import type { Descriptors } from './descriptors.ts'
import { holdsContent } from './evidence.ts'
import type { GenerationFiles } from './generation-files.ts'
import type { Generation } from './generation.ts'
import type { Found } from './look.ts'
import type { createUnpacker } from './packed.ts'
import type { Registry } from './registry.ts'
import type { Telemetry } from './telemetry.ts'

export interface PackedPartnersDeps {
  readonly registry: Registry
  readonly descriptors: Descriptors
  readonly unpacker: ReturnType<typeof createUnpacker>
  readonly telemetry: Telemetry
  readonly files: GenerationFiles
  readonly now: Clock
}

/** A gzip may be half written while its file is packed; one that has rested so long and cannot be read never will be. */
const brokenAfterMs = 60_000

/** Rotated files that were packed: unpacked on the side, and read on from the unpacked position. */
export class PackedPartners {
  readonly #deps: PackedPartnersDeps
  /** Live paths whose packed partners are being unpacked: nothing of them counts as gone before that is done. */
  readonly pending = new Set<string>()

  constructor(deps: PackedPartnersDeps) {
    this.#deps = deps
  }

  /** An unknown packed file: the rest of a generation whose own file is gone, or one that `input` names, or nobody's. */
  match(
    found: Found,
    input: LogInput | undefined,
    isTooOld: () => boolean,
    seen: Set<Generation>,
  ): 'taken' | 'ignore' | 'wait' {
    const { registry, unpacker, descriptors, telemetry, files } = this.#deps
    const family = registry.family(found.livePath)
    if (family.length === 0 && !input) return 'ignore'
    const result = unpacker.ask(found)
    if (result === 'pending' || result.kind === 'failed') {
      this.pending.add(found.livePath)
      if (result !== 'pending') files.failed(found.path, result.code)
      return 'wait'
    }
    if (result.kind === 'broken') return this.#broken(found, input !== undefined)
    const { fd, size } = result
    const open = family.find((one) => one.saved.headLength > 0 && holdsContent(fd, size, one.saved))
    // Its own file is still there, or held open: that one is read to its end.
    const isElsewhere = open !== undefined && (open.fd !== undefined || seen.has(open))
    if (isElsewhere || (!open && (!input || isTooOld()))) {
      descriptors.release(fd)
      return 'ignore'
    }
    const generation = open ?? registry.create(found, input as LogInput)
    if (!open) telemetry.generation(found.livePath)
    registry.moveTo(generation, found)
    generation.isVerified = true
    seen.add(generation)
    this.#read(generation, fd, size)
    return 'taken'
  }

  /** A packed file that is known and not read to its end, and not unpacked by this process. */
  unpack(found: Found, generation: Generation): void {
    const { unpacker, files } = this.#deps
    const result = unpacker.ask(found)
    if (result === 'pending') return
    if (result.kind === 'failed') files.failed(found.path, result.code)
    else if (result.kind === 'broken') files.problems.set(found.path, 'unreadable-gzip')
    else this.#read(generation, result.fd, result.size)
  }

  #broken(found: Found, isWanted: boolean): 'ignore' {
    const { files, telemetry, now } = this.#deps
    files.problems.set(found.path, 'unreadable-gzip')
    if (isWanted && now() - found.stat.mtimeMs > brokenAfterMs)
      telemetry.gap(found.path, 0, found.stat.size, 'unreadable-gzip')
    return 'ignore'
  }

  #read(generation: Generation, fd: number, size: number): void {
    const { descriptors, registry, now } = this.#deps
    generation.saved.unpacked = size
    generation.size = size
    generation.grewAtMs = now()
    generation.isDetached = false
    registry.isChanged = true
    if (generation.readTo >= size) descriptors.release(fd)
    else {
      descriptors.adopt(generation, fd)
      generation.isDirty = true
    }
  }
}
