import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { peekCheckpoint, type SavedGeneration } from './checkpoint-file.ts'
import type { LogInput } from './contract.ts'
import { type FileStat, holdsContent, statPath, withFile } from './evidence.ts'
import { checkpointPath } from './log-files.ts'
import { compilePatterns, type Found, inputOf, lookAround } from './look.ts'
import { whyUnreadable } from './why-unreadable.ts'

export interface Explanation {
  readonly path: string
  readonly isRead: boolean
  /** Sentences for people, in order. */
  readonly because: readonly string[]
  readonly format?: string
  /** Bytes acknowledged by the transport, and the size; absent where nothing was read yet. */
  readonly offset?: number
  readonly size?: number
  readonly lagBytes?: number
  /** Since the file's last write, where bytes are not acknowledged. */
  readonly lagSeconds?: number
  /** What the file is known by. */
  readonly identity?: Pick<
    SavedGeneration,
    'id' | 'dev' | 'ino' | 'birthNs' | 'headLength' | 'head' | 'tailLength' | 'tail'
  >
}

/** One path, all that is known of it. */
interface Case {
  readonly path: string
  readonly inputs: readonly LogInput[]
  readonly input: LogInput | undefined
  readonly found: Found | undefined
  readonly stat: FileStat | undefined
  readonly saved: SavedGeneration | undefined
  readonly generations: readonly SavedGeneration[]
  readonly nowMs: number
  /** Where the agent keeps its positions. */
  readonly checkpoint: string
}

/** Is a file followed, why not, and how far did it get? One look answers for all that are asked about. Reads only; the agent may be running or not. */
export function createExplainer(
  inputs: readonly LogInput[],
  dataDir: string,
  nowMs: number,
): (name: string) => Explanation {
  const patterns = compilePatterns(inputs)
  const generations = peekCheckpoint(checkpointPath(dataDir))?.generations ?? []
  const look = lookAround(patterns, new Set(generations.map(({ livePath }) => livePath)))
  const found = new Map(look.found.map((file) => [file.path, file]))
  const saved = new Map(generations.toReversed().map((generation) => [fileOf(generation), generation]))
  return (name) => {
    const path = resolve(name)
    const stat = statOf(path)
    return explain({
      path,
      inputs,
      input: inputOf(patterns, path),
      found: found.get(path),
      stat,
      saved: stat && saved.get(fileOf(stat)),
      generations,
      nowMs,
      checkpoint: checkpointPath(dataDir),
    })
  }
}

const fileOf = ({ ino, birthNs }: Pick<FileStat, 'ino' | 'birthNs'>): string => `${ino} ${birthNs}`

function explain(one: Case): Explanation {
  const { path } = one
  const why = whyUnreadable(path)
  const refusal = refusalOf(one)
  const isRead = why === undefined && refusal === undefined
  const because = [
    ...(why === undefined ? [] : [why]),
    ...(refusal === undefined ? [naming(one)] : why === undefined || !one.input ? [refusal] : [naming(one)]),
    ...(isRead || one.saved ? progress(one) : formerly(one)),
    savedAt(one.checkpoint, one.nowMs),
  ]
  return { path, isRead, because, ...figures(one) }
}

function statOf(path: string): FileStat | undefined {
  try {
    return statPath(path)
  } catch {
    return undefined
  }
}

/** Why a file that can be read is not. */
function refusalOf({ path, inputs, input, found, saved, generations, nowMs }: Case): string | undefined {
  if (!input && (!found || found.livePath === path)) {
    const patterns = inputs.flatMap(({ paths }) => paths)
    if (patterns.length === 0) return 'agent.logs is empty: no file is followed'
    return `no pattern of agent.logs names it: ${patterns.join(', ')}`
  }
  if (!found || saved) return undefined
  if (!input) {
    const since = sinceOf(generations.filter(({ livePath }) => livePath === found.livePath))
    if (since === undefined || found.stat.mtimeMs <= since)
      return `it was rotated away before the agent first saw ${found.livePath}, and no pattern of agent.logs names it`
  }
  const limitMs = input?.ignoreOlder
  if (limitMs !== undefined && nowMs - found.stat.mtimeMs > limitMs)
    return `it was last written ${ago(nowMs - found.stat.mtimeMs)}, which is longer than ignoreOlder allows`
  return undefined
}

function sinceOf(family: readonly SavedGeneration[]): number | undefined {
  const known = family.flatMap(({ sinceMs, mtimeMs }) => sinceMs ?? mtimeMs)
  return known.length === 0 ? undefined : Math.min(...known)
}

function naming({ input, found }: Case): string {
  return input
    ? `agent.logs names it: ${input.paths.join(', ')}`
    : `it is a rotated partner of ${found?.livePath ?? 'a followed file'}`
}

function progress({ path, saved, stat, input, nowMs }: Case): string[] {
  if (!stat) return []
  if (!saved) {
    const end = input?.startAt === 'end' ? '; startAt: end, so only what is written from then on will be' : ''
    return [`nothing of it has been sent yet, or the agent uses another dataDir${end}`]
  }
  const size = saved.unpacked ?? stat.size
  const left = size - saved.offset
  const bytes = saved.unpacked === undefined ? 'bytes' : 'unpacked bytes'
  const state = left <= 0 ? ': it is read to its end' : `, ${left} are not; last written ${ago(nowMs - stat.mtimeMs)}`
  const where = saved.path === saved.livePath ? '' : `, rotated from ${saved.livePath}`
  return [
    `${saved.offset} of ${size} ${bytes} are acknowledged${state}`,
    `its content is generation ${saved.id}${where}: inode ${saved.ino} on device ${saved.dev}, born ${born(saved)}`,
    evidence(path, stat, saved),
  ]
}

function evidence(path: string, stat: FileStat, saved: SavedGeneration): string {
  const marks = `its first ${saved.headLength} bytes (${saved.head}) and the ${saved.tailLength} before the offset (${saved.tail})`
  if (saved.unpacked !== undefined) return `it is known by ${marks}, unpacked`
  try {
    return withFile(path, (fd) => holdsContent(fd, stat.size, saved))
      ? `it is known by ${marks}: they are what was read`
      : `it is known by ${marks}, but holds something else now: it was cut or written anew, and is read as a new generation`
  } catch {
    return `it is known by ${marks}, which this user cannot compare`
  }
}

/** What was read under a name that now stands for nothing that is read. */
function formerly({ path, generations }: Case): string[] {
  return generations
    .filter((one) => one.path === path || one.livePath === path)
    .slice(-3)
    .map(
      (one) =>
        `generation ${one.id} of it was acknowledged up to ${one.offset}${one.path === path ? '' : `, and is at ${one.path} now`}`,
    )
}

function figures({ saved, input, stat, nowMs }: Case): Partial<Explanation> {
  if (!saved) return { ...(input && { format: input.format }), ...(stat && { size: stat.size }) }
  const { id, dev, ino, birthNs, headLength, head, tailLength, tail } = saved
  const size = saved.unpacked ?? stat?.size ?? saved.size
  const lagBytes = Math.max(0, size - saved.offset)
  return {
    format: saved.family,
    offset: saved.offset,
    size,
    lagBytes,
    lagSeconds: lagBytes === 0 || !stat ? 0 : Math.max(0, (nowMs - stat.mtimeMs) / 1000),
    identity: { id, dev, ino, birthNs, headLength, head, tailLength, tail },
  }
}

function savedAt(checkpoint: string, nowMs: number): string {
  try {
    return `the agent last saved a position ${ago(nowMs - statSync(checkpoint).mtimeMs)}`
  } catch {
    return `no agent has saved a position here yet: ${checkpoint} does not exist`
  }
}

const born = ({ birthNs }: SavedGeneration) => new Date(Number(BigInt(birthNs) / 1_000_000n)).toISOString()

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s ago`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`
}
