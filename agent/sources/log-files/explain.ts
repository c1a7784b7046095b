import { resolve } from 'node:path'
import { checkpointPath } from './log-files.ts'
import { peekCheckpoint, type SavedGeneration } from './checkpoint-file.ts'
import type { LogInput } from './contract.ts'
import { errorCode, type FileStat, statPath } from './evidence.ts'
import { compilePatterns, inputOf, lookAround } from './look.ts'

export interface Explanation {
  readonly path: string
  readonly isRead: boolean
  /** Sentences for people, in order. */
  readonly because: readonly string[]
  readonly format?: string
  /** Bytes acknowledged by the transport, and the size; absent where nothing was read yet. */
  readonly offset?: number
  readonly size?: number
}

/** Is this file followed, why not, and how far did it get? Reads only; the agent may be running. */
export function explainPath(name: string, inputs: readonly LogInput[], dataDir: string): Explanation {
  const path = resolve(name)
  const patterns = compilePatterns(inputs)
  const input = inputOf(patterns, path)
  let stat: FileStat | undefined
  let why: string | undefined
  try {
    stat = statPath(path)
    if (!stat.isFile) why = 'it is not a regular file'
  } catch (error) {
    why = reasons[errorCode(error)] ?? `it cannot be read (${errorCode(error)})`
  }
  const generations = peekCheckpoint(checkpointPath(dataDir))?.generations ?? []
  const found = lookAround(patterns, new Set(generations.map(({ livePath }) => livePath))).found.find(
    (file) => file.path === path,
  )
  const saved = generations.find((one) => stat !== undefined && one.ino === stat.ino && one.birthNs === stat.birthNs)
  const because = [
    ...(why === undefined ? [] : [why]),
    ...named(input, found?.livePath, path, inputs),
    ...progress(saved, stat),
  ]
  return {
    path,
    isRead: why === undefined && found !== undefined,
    because,
    ...(saved ? { format: saved.family, offset: saved.offset } : input && { format: input.format }),
    ...(stat && { size: saved?.unpacked ?? stat.size }),
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'this user may not read it: add the user to the group that owns it',
  ENOTDIR: 'a part of its path is not a folder',
}

function named(
  input: LogInput | undefined,
  livePath: string | undefined,
  path: string,
  inputs: readonly LogInput[],
): string[] {
  if (input) return [`agent.logs names it: ${input.paths.join(', ')}`]
  if (livePath !== undefined && livePath !== path) return [`it is a rotated partner of ${livePath}`]
  const patterns = inputs.flatMap(({ paths }) => paths)
  return [
    patterns.length === 0
      ? 'agent.logs is empty: no file is followed'
      : `no pattern of agent.logs names it: ${patterns.join(', ')}`,
  ]
}

function progress(saved: SavedGeneration | undefined, stat: FileStat | undefined): string[] {
  if (!stat) return []
  if (!saved) return ['nothing of it has been sent yet, or the agent uses another dataDir']
  const size = saved.unpacked ?? stat.size
  const left = Math.max(0, size - saved.offset)
  return [
    `${saved.offset} of ${size} bytes are acknowledged${left === 0 ? ': it is read to its end' : `, ${left} are not`}`,
    `its content is generation ${saved.id}${saved.path === saved.livePath ? '' : `, now at ${saved.path}`}`,
  ]
}
