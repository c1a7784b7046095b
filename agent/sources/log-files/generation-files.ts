import type { Descriptors } from './descriptors.ts'
import { holdsContent, statFile } from './evidence.ts'
import type { Generation } from './generation.ts'
import type { Registry } from './registry.ts'
import type { Telemetry } from './telemetry.ts'

export interface GenerationFilesDeps {
  readonly registry: Registry
  readonly descriptors: Descriptors
  readonly telemetry: Telemetry
}

/** Opens the generations' files, lets go of those that hold something else by now, and knows what cannot be read. */
export class GenerationFiles {
  readonly #deps: GenerationFilesDeps
  /** Why a matched file is not read, for `explain` and readiness. */
  readonly problems = new Map<string, string>()

  constructor(deps: GenerationFilesDeps) {
    this.#deps = deps
  }

  /** A file that went or was replaced between two steps of a look is no problem: the next look sees what is there. */
  failed(path: string, code: string): void {
    if (code !== 'ENOENT' && code !== 'MOVED') this.problems.set(path, code)
  }

  open(generation: Generation): void {
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
    if (fd === undefined) return
    const { size } = statFile(fd)
    generation.isDirty = true
    if (holdsContent(fd, size, saved) || generation.readTo !== saved.offset) {
      // Known from the first look on: what is cut before its first read must be known again in a copy.
      generation.growHead(fd, size)
      return
    }
    this.lost(generation)
    registry.isChanged = true
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
}
