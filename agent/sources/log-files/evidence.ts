import { hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'

/** What the file system says of a file; numbers beyond 2^53 as text. */
export interface FileStat {
  readonly dev: string
  readonly ino: string
  readonly birthNs: string
  readonly size: number
  readonly mtimeMs: number
  readonly links: number
  readonly isFile: boolean
}

interface BigStat {
  dev: bigint
  ino: bigint
  birthtimeNs: bigint
  size: bigint
  mtimeNs: bigint
  nlink: bigint
  isFile(): boolean
}

const asStat = (stat: BigStat): FileStat => ({
  dev: String(stat.dev),
  ino: String(stat.ino),
  birthNs: String(stat.birthtimeNs),
  size: Number(stat.size),
  mtimeMs: Number(stat.mtimeNs) / 1e6,
  links: Number(stat.nlink),
  isFile: stat.isFile(),
})

export const statPath = (path: string): FileStat => asStat(statSync(path, { bigint: true }))
export const statFile = (fd: number): FileStat => asStat(fstatSync(fd, { bigint: true }))
/** Non-blocking: a pipe put in a log's place must not hold the agent up. */
export const openForReading = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)

/** Reads until `length` or the end of the file. */
export function readFully(fd: number, into: Buffer, at: number, length: number, position: number): number {
  let done = 0
  while (done < length) {
    const count = readSync(fd, into, at + done, length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

export const headBytes = 1024
export const tailBytes = 256

export function readRange(fd: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, end - start))
  return bytes.subarray(0, readFully(fd, bytes, 0, bytes.length, start))
}

export const fingerprint = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64url').slice(0, 16)

/** What is kept of a generation's content: enough to know it again in a renamed, copied or unpacked file. */
export interface ContentMarks {
  /** Hash of the first `headLength` bytes (at most 1024; grows with the file). */
  readonly headLength: number
  readonly head: string
  readonly offset: number
  /** Hash of the `tailLength` bytes before `offset` (at most 256). */
  readonly tailLength: number
  readonly tail: string
}

/** Does the open file hold, at the same places, what was read? Says nothing where there is no content to compare. */
export function holdsContent(fd: number, size: number, marks: ContentMarks): boolean {
  if (size < marks.offset || size < marks.headLength) return false
  if (fingerprint(readRange(fd, 0, marks.headLength)) !== marks.head) return false
  return fingerprint(readRange(fd, marks.offset - marks.tailLength, marks.offset)) === marks.tail
}

/** Runs `work` on the file opened for a moment. */
export function withFile<T>(path: string, work: (fd: number) => T): T {
  const fd = openForReading(path)
  try {
    return work(fd)
  } finally {
    closeSync(fd)
  }
}

/** The same for a file that a look has seen. Throws `MOVED` where the path by now names another. */
export function withSameFile<T>(path: string, seen: FileStat, work: (fd: number) => T): T {
  return withFile(path, (fd) => {
    const { ino, birthNs } = statFile(fd)
    if (ino !== seen.ino || birthNs !== seen.birthNs)
      throw Object.assign(new Error(`${path} was replaced`), { code: 'MOVED' })
    return work(fd)
  })
}

export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
