import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { LogInput } from './contract.ts'
import { errorCode, type FileStat, statPath } from './evidence.ts'
import { createGlob, Folders, type Glob } from './glob.ts'
import { type Age, isPacked, isRotationOf, liveNames } from './rotation-name.ts'

/** A file that a look has seen. */
export interface Found {
  readonly path: string
  readonly stat: FileStat
  /** The live file it is, or was rotated from. */
  readonly livePath: string
  /** The input whose pattern it matches; absent for a rotated partner that no pattern names. */
  readonly input: LogInput | undefined
  readonly isPacked: boolean
}

export const ageOf = ({ path, livePath, stat }: Found): Age => ({ path, livePath, mtimeMs: stat.mtimeMs })

export interface Look {
  readonly found: readonly Found[]
  /** False where anything could not be listed or asked: then nothing may be concluded from a file's absence. */
  readonly isComplete: boolean
  readonly problems: ReadonlyMap<string, string>
  /** Folders worth watching. */
  readonly folders: ReadonlySet<string>
}

export interface Patterns {
  readonly inputs: ReadonlyArray<{ readonly input: LogInput; readonly globs: readonly Glob[] }>
}

export const compilePatterns = (inputs: readonly LogInput[]): Patterns => ({
  inputs: inputs.map((input) => ({ input, globs: input.paths.map(createGlob) })),
})

/** The first input whose pattern names the path. */
export function inputOf(patterns: Patterns, path: string): LogInput | undefined {
  return patterns.inputs.find(({ globs }) => globs.some((glob) => glob.matches(path)))?.input
}

/** Lists everything that the patterns name, and the rotated partners of `livePaths` beside them. */
export function lookAround(patterns: Patterns, livePaths: ReadonlySet<string>): Look {
  const folders = new Folders()
  const problems = new Map<string, string>()
  const found = new Map<string, Found>()
  const watch = new Set<string>()
  const matched = new Map<string, LogInput>()
  for (const { input, globs } of patterns.inputs) {
    for (const glob of globs) {
      watch.add(glob.root)
      for (const path of glob.expand(folders)) if (!matched.has(path)) matched.set(path, input)
    }
  }
  const ask = (path: string): FileStat | undefined => {
    try {
      const stat = statPath(path)
      return stat.isFile ? stat : undefined
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.set(path, code)
      return undefined
    }
  }
  for (const [path, input] of matched) {
    const stat = ask(path)
    if (stat)
      found.set(path, {
        path,
        stat,
        livePath: liveOf(path, input, matched, livePaths),
        input,
        isPacked: isPacked(path),
      })
    watch.add(dirname(path))
  }
  const lives = new Set([...livePaths, ...[...found.values()].map((file) => file.livePath)])
  for (const [folder, names] of siblingFolders(lives)) {
    for (const name of folders.list(folder)) {
      const path = join(folder, name)
      if (found.has(path)) continue
      const live = liveNames(name).find((candidate) => names.has(candidate) && isRotationOf(name, candidate))
      if (live === undefined) continue
      const stat = ask(path)
      if (stat)
        found.set(path, { path, stat, livePath: names.get(live) ?? path, input: undefined, isPacked: isPacked(name) })
    }
    watch.add(folder)
  }
  for (const [folder, code] of folders.failed) problems.set(folder, code)
  return { found: [...found.values()], isComplete: problems.size === 0, problems, folders: watch }
}

/** A rotated partner keeps its live file's name, where that file is there or known; `app-1.log` alone is itself. */
function liveOf(
  path: string,
  input: LogInput,
  matched: ReadonlyMap<string, LogInput>,
  known: ReadonlySet<string>,
): string {
  const folder = dirname(path)
  const live = liveNames(basename(path))
    .map((name) => join(folder, name))
    .findLast((candidate) => known.has(candidate) || matched.get(candidate) === input)
  return live ?? path
}

/** Folder → live names in it: where the live path lies and, for a symlink, where its target does. */
function siblingFolders(lives: ReadonlySet<string>): Map<string, Map<string, string>> {
  const result = new Map<string, Map<string, string>>()
  const add = (place: string, live: string) => {
    const names = result.get(dirname(place)) ?? new Map<string, string>()
    if (!names.has(basename(place))) names.set(basename(place), live)
    result.set(dirname(place), names)
  }
  for (const live of lives) {
    add(live, live)
    try {
      const real = realpathSync.native(live)
      if (real !== live) add(real, live)
    } catch {
      // Not there at the moment: its partners may be.
    }
  }
  return result
}
