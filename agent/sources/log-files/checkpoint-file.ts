import { existsSync, linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { writeDurably } from '../../../runtime/durable-file.ts'

const saved = z.object({
  id: z.string().min(1),
  path: z.string(),
  livePath: z.string(),
  dev: z.string(),
  ino: z.string(),
  birthNs: z.string(),
  size: z.number(),
  mtimeMs: z.number(),
  headLength: z.number(),
  head: z.string(),
  offset: z.number().int().min(0),
  tailLength: z.number(),
  tail: z.string(),
  marks: z.array(z.object({ offset: z.number(), tailLength: z.number(), tail: z.string() })),
  /**
   * Where records were cut although their end was not proven (rest, limits), beyond `offset`. On disk before they are sent:
   * after a crash the same bytes must give the same records, else one id would stand for two texts.
   */
  cuts: z.array(z.number()),
  mid: z.enum(['none', 'skip', 'continued']),
  family: z.enum(['unknown', 'rabbitmq', 'access', 'plain', 'line']),
  encoding: z.enum(['utf-8', 'utf-16le', 'utf-16be', 'latin1']).optional(),
  order: z.number(),
  /** The newest write to any file of its live path when the first of them was seen, ms: what is newer is ours to read. */
  sinceMs: z.number().optional(),
  /** When its file was last missing, ms; absent while it is there. */
  missingSinceMs: z.number().optional(),
  /** Its file is a gzip of so many bytes unpacked; positions are those of the unpacked bytes. */
  unpacked: z.number().optional(),
})
const checkpoint = z.object({ generations: z.array(saved), knownInputs: z.array(z.string()), order: z.number() })

export type SavedGeneration = z.output<typeof saved>
export type Checkpoint = z.output<typeof checkpoint>

export interface LoadedCheckpoint {
  readonly checkpoint: Checkpoint
  /** `fresh` = there was none; `previous` and `lost` are told: a file was torn. */
  readonly from: 'current' | 'previous' | 'fresh' | 'lost'
}

const version = 1

/** Where the positions are kept: checksummed, versioned, replaced atomically, the one before it kept. */
export function createCheckpointFile(path: string): { load(): LoadedCheckpoint; save(checkpoint: Checkpoint): void } {
  const previous = `${path}.previous`
  return {
    load() {
      const current = read(path)
      if (current) return { checkpoint: current, from: 'current' }
      // Out of the way, so that the next save does not keep it as the previous one.
      if (existsSync(path)) renameSync(path, `${path}.corrupt`)
      const before = read(previous)
      if (before) return { checkpoint: before, from: 'previous' }
      const isFresh = !existsSync(`${path}.corrupt`) && !existsSync(previous)
      return { checkpoint: { generations: [], knownInputs: [], order: 0 }, from: isFresh ? 'fresh' : 'lost' }
    },
    save(value) {
      const body = JSON.stringify(value)
      keep(path, previous)
      writeDurably(path, `{"version":${version},"crc32":${crc32(body)}}\n${body}\n`)
    },
  }
}

/** A second link, made before the replacement: at no instant is there less than one whole checkpoint. */
function keep(path: string, previous: string): void {
  if (!existsSync(path)) return
  rmSync(previous, { force: true })
  linkSync(path, previous)
}

/** The checkpoint as it stands, for onlookers; undefined where there is none that is whole. */
export const peekCheckpoint = (path: string): Checkpoint | undefined => read(path)

function read(path: string): Checkpoint | undefined {
  try {
    const [head = '', body = ''] = readFileSync(path, 'utf8').split('\n')
    const { version: found, crc32: sum } = JSON.parse(head) as { version?: number; crc32?: number }
    if (found !== version || sum !== crc32(body)) return undefined
    return checkpoint.parse(JSON.parse(body))
  } catch {
    return undefined
  }
}
