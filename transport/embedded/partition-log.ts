import { mkdirSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Clock } from '../../runtime/clock.ts'
import { recoverSegment } from './recover.ts'
import { type FrameInput, headerBytes, segmentHeader, writeFrame } from './segment-format.ts'
import { listSegments, type Segment, segmentPath } from './segments.ts'

/** What opening a partition found that somebody should hear of. */
export interface Finding {
  readonly path: string
  readonly what: string
  readonly fields: Readonly<Record<string, number>>
}

export interface PartitionLogOptions {
  readonly dir: string
  readonly segmentBytes: number
  /** A segment whose first record is older is finished, so that it can grow old. */
  readonly segmentMs: number
  /** Offsets below this were given before: what of them is not in the files is lost, and none is given twice. */
  readonly knownEnd: number
  readonly onFinding: (finding: Finding) => void
  readonly now: Clock
}

interface Held extends Segment {
  bytes: number
  firstWriteMs: number
  lastWriteMs: number
}

/** A segment that retention looks at; `endOffset` is the first offset after it. */
export interface OldestSegment {
  readonly endOffset: number
  readonly lastWriteMs: number
  /** It is the one written to: finish it before it can be removed. */
  readonly isActive: boolean
}

/** The writing side of one partition: whole frames into the last segment, a new one when it is full. */
export class PartitionLog {
  readonly dir: string
  readonly #options: PartitionLogOptions
  readonly #segments: Held[]
  #file: FileHandle | undefined
  #length = 0
  #nextOffset = 0

  constructor(options: PartitionLogOptions) {
    const { dir, knownEnd } = options
    this.dir = dir
    this.#options = options
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    this.#segments = listSegments(dir).map((segment) => {
      const { size, mtimeMs } = statSync(segment.path)
      return { ...segment, bytes: size, firstWriteMs: mtimeMs, lastWriteMs: mtimeMs }
    })
    const last = this.#segments.at(-1)
    if (last) this.#recover(last)
    if (this.#nextOffset >= knownEnd) return
    const fields = { fromOffset: this.#nextOffset, toOffset: knownEnd }
    options.onFinding({ path: last?.path ?? dir, what: 'records at the end of the log are lost', fields })
    this.#nextOffset = knownEnd
  }

  #recover(last: Held): void {
    const { onFinding } = this.#options
    const { path } = last
    const { nextOffset, length, cutBytes, damage, isHeaderDamaged } = recoverSegment(path, last.baseOffset)
    this.#nextOffset = nextOffset
    this.#length = last.bytes = length
    if (isHeaderDamaged) onFinding({ path, what: 'the head of a segment is damaged: its records are read', fields: {} })
    if (cutBytes > 0)
      onFinding({
        path,
        what: 'a last write that was not whole is cut off',
        fields: { fromOffset: nextOffset, cutBytes },
      })
    for (const { fromOffset, toOffset } of damage)
      onFinding({ path, what: 'records are damaged: what lies between is lost', fields: { fromOffset, toOffset } })
  }

  /** The offset after the last record that is on disk. */
  get durableOffset(): number {
    return this.#nextOffset
  }

  get firstOffset(): number {
    return this.#segments[0]?.baseOffset ?? this.#nextOffset
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** Writes and syncs `bytes` of frames; all or, where it throws, nothing of it counts. One at a time. */
  async append(records: readonly FrameInput[], bytes: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(bytes)
    let offset = this.#nextOffset
    let at = 0
    for (const record of records) at = writeFrame(buffer, at, offset++, record)
    const { file, segment } = await this.#writable(buffer.length)
    try {
      await writeAll(file, buffer, this.#length)
      await file.datasync()
    } catch (error) {
      // Half a write must not stand before the next one.
      await file.truncate(this.#length).catch(() => {})
      throw error
    }
    this.#length += buffer.length
    this.#nextOffset = offset
    segment.bytes = this.#length
    segment.lastWriteMs = this.#options.now()
  }

  async #writable(bytes: number): Promise<{ file: FileHandle; segment: Held }> {
    const { segmentBytes, segmentMs, now } = this.#options
    const last = this.#segments.at(-1)
    const isEmpty = this.#length <= headerBytes
    const isOld = last !== undefined && now() - last.firstWriteMs > segmentMs
    if (!last || (!isEmpty && (isOld || this.#length + bytes > segmentBytes))) return await this.#roll()
    this.#file ??= await open(last.path, 'r+')
    if (this.#length < headerBytes) this.#length = await writeHeader(this.#file)
    return { file: this.#file, segment: last }
  }

  async #roll(): Promise<{ file: FileHandle; segment: Held }> {
    const path = segmentPath(this.dir, this.#nextOffset)
    const atMs = this.#options.now()
    const file = await open(path, 'w+', 0o640)
    let length: number
    try {
      length = await writeHeader(file)
      await syncFolder(this.dir)
    } catch (error) {
      await file.close()
      rmSync(path, { force: true })
      throw error
    }
    const former = this.#file
    const segment = { baseOffset: this.#nextOffset, path, bytes: length, firstWriteMs: atMs, lastWriteMs: atMs }
    this.#file = file
    this.#length = length
    this.#segments.push(segment)
    await former?.close()
    return { file, segment }
  }

  oldest(): OldestSegment | undefined {
    const [first, second] = this.#segments
    if (!first) return undefined
    const { lastWriteMs } = first
    if (second) return { endOffset: second.baseOffset, lastWriteMs, isActive: false }
    return this.#length > headerBytes ? { endOffset: this.#nextOffset, lastWriteMs, isActive: true } : undefined
  }

  /** Between appends only. The segment written to is finished first, so that offsets go on after it. */
  async removeOldest(): Promise<void> {
    if (this.oldest()?.isActive) await this.#roll()
    const [segment] = this.#segments
    if (!segment || this.#segments.length === 1) return
    rmSync(segment.path, { force: true })
    this.#segments.shift()
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

async function writeHeader(file: FileHandle): Promise<number> {
  const header = segmentHeader()
  await writeAll(file, header, 0)
  return header.length
}

async function writeAll(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesWritten } = await file.write(buffer, done, buffer.length - done, position + done)
    done += bytesWritten
  }
}

/** A new name is durable only when its folder is. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
