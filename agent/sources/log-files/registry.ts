import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../runtime/clock.ts'
import { Framer, initialFamily, type Framed } from '../../parse/formats/framing.ts'
import type { LoadedCheckpoint, SavedGeneration } from './checkpoint-file.ts'
import type { LogInput } from './contract.ts'
import { firstSight, Generation } from './generation.ts'
import { ageOf, type Found } from './look.ts'
import { byAge } from './rotation-name.ts'

/** Vanished files are remembered for so long: their packed copies may appear yet. */
const forgetAfterMs = 7 * 24 * 3_600_000
const maxMissing = 2000

export const inputName = (input: LogInput): string => input.paths.join(' ')

/** All generations known, by file and by live path. */
export class Registry {
  readonly #byFile = new Map<string, Generation>()
  readonly #families = new Map<string, Generation[]>()
  readonly all = new Set<Generation>()
  readonly knownInputs: Set<string>
  readonly #onRecord: (framed: Framed) => void
  readonly #now: Clock
  #order: number
  /** Something to save. */
  isChanged = false

  constructor(
    loaded: LoadedCheckpoint,
    inputFor: (livePath: string) => LogInput | undefined,
    onRecord: (framed: Framed) => void,
    now: Clock,
  ) {
    this.#onRecord = onRecord
    this.#now = now
    this.#order = loaded.checkpoint.order
    this.knownInputs = new Set(loaded.checkpoint.knownInputs)
    for (const saved of loaded.checkpoint.generations) {
      const input = inputFor(saved.livePath) ?? inputFor(saved.path)
      // No input names it any more: its record waits for the input to come back.
      if (input) this.#add(this.#generation(saved, input, true))
      else this.parked.push(saved)
    }
  }
  readonly parked: SavedGeneration[] = []

  byFile(stat: Found['stat']): Generation | undefined {
    return this.#byFile.get(`${stat.ino} ${stat.birthNs}`)
  }

  family(livePath: string): readonly Generation[] {
    return this.#families.get(livePath) ?? []
  }

  livePaths(): Set<string> {
    return new Set(this.#families.keys())
  }

  /**
   * Live path → when the first of its files was seen, by the file system's own clock, before anything of this look is taken
   * in. What is written later and no generation's is ours, however late it is seen: rotated within one look, or unpacked
   * only after the next files were read.
   */
  beginLook(found: readonly Found[]): ReadonlyMap<string, number> {
    const since = new Map<string, number>()
    for (const [livePath, family] of this.#families) {
      const known = family.flatMap(({ saved: { sinceMs } }) => (sinceMs === undefined ? [] : [sinceMs]))
      const latest = () => Math.max(...family.map(({ saved }) => saved.mtimeMs))
      since.set(livePath, known.length > 0 ? Math.min(...known) : latest())
    }
    this.#sinceMs = new Map(since)
    for (const { livePath, stat } of found)
      if (!since.has(livePath)) this.#sinceMs.set(livePath, Math.max(stat.mtimeMs, this.#sinceMs.get(livePath) ?? 0))
    return since
  }
  #sinceMs = new Map<string, number>()

  create(found: Found, input: LogInput): Generation {
    const made = {
      id: randomBytes(8).toString('base64url'),
      path: found.path,
      livePath: found.livePath,
      order: this.#orderOf(found),
      encoding: input.encoding === 'auto' ? undefined : input.encoding,
    }
    const generation = this.#generation(firstSight(made, found.stat, initialFamily(input.format)), input, false)
    const sinceMs = this.#sinceMs.get(found.livePath)
    if (sinceMs !== undefined) generation.saved.sinceMs = sinceMs
    generation.isVerified = true
    this.#add(generation)
    this.isChanged = true
    return generation
  }

  /** Behind all others; but before those of which nothing was read yet and that are younger. */
  #orderOf(found: Found): number {
    const younger = this.family(found.livePath).find(
      ({ saved: { path, livePath }, readTo, mtimeMs }) =>
        readTo === 0 && byAge(ageOf(found), { path, livePath, mtimeMs }) < 0,
    )
    return younger ? younger.saved.order - 0.5 : ++this.#order
  }

  /** The generation's content now lies in another file. */
  moveTo(generation: Generation, found: Found): void {
    this.unlink(generation)
    const { saved } = generation
    saved.path = found.path
    saved.dev = found.stat.dev
    saved.ino = found.stat.ino
    saved.birthNs = found.stat.birthNs
    delete saved.missingSinceMs
    this.#byFile.set(`${saved.ino} ${saved.birthNs}`, generation)
    this.isChanged = true
  }

  /** Its file no longer holds it. */
  unlink(generation: Generation): void {
    const key = `${generation.saved.ino} ${generation.saved.birthNs}`
    if (this.#byFile.get(key) === generation) this.#byFile.delete(key)
    generation.saved.ino = ''
    this.isChanged = true
  }

  forget(generation: Generation): void {
    this.unlink(generation)
    this.all.delete(generation)
    const { livePath } = generation.saved
    const rest = this.family(livePath).filter((other) => other !== generation)
    if (rest.length === 0) this.#families.delete(livePath)
    else this.#families.set(livePath, rest)
  }

  /** Gives the live paths of which nothing is known any more. */
  forgetOld(): string[] {
    const limit = this.#now() - forgetAfterMs
    const missing = [...this.all].filter(({ saved }) => saved.missingSinceMs !== undefined)
    missing.sort((a, b) => (a.saved.missingSinceMs ?? 0) - (b.saved.missingSinceMs ?? 0))
    const old = missing.filter(
      ({ saved }, index) => (saved.missingSinceMs ?? 0) < limit || index < missing.length - maxMissing,
    )
    for (const generation of old) this.forget(generation)
    return old.map(({ saved }) => saved.livePath).filter((livePath) => !this.#families.has(livePath))
  }

  snapshot(): { generations: SavedGeneration[]; knownInputs: string[]; order: number } {
    const generations = [...this.parked, ...[...this.all].map(({ saved }) => saved)]
    return { generations, knownInputs: [...this.knownInputs], order: this.#order }
  }

  #generation(saved: SavedGeneration, input: LogInput, isPersisted: boolean): Generation {
    const limits = { maxLines: 500, maxBytes: 1 << 20, maxLineBytes: input.maxLineBytes }
    const framer = new Framer(saved.family, limits, this.#onRecord)
    return new Generation(saved, input, framer, this.#now(), isPersisted)
  }

  #add(generation: Generation): void {
    const { saved } = generation
    this.all.add(generation)
    if (saved.ino !== '') this.#byFile.set(`${saved.ino} ${saved.birthNs}`, generation)
    const family = [...this.family(saved.livePath), generation].sort((a, b) => a.saved.order - b.saved.order)
    this.#families.set(saved.livePath, family)
  }
}
