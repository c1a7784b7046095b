import { mkdirSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { recoverSegment } from './recover.ts'
import { type FrameInput, frameBytes, headerBytes, segmentHeader, writeFrame } from './segment-format.ts'
import { listSegments, type Segment, segmentPath, sizeOf } from './segments.ts'

/** What opening a partition found that somebody should hear of. */
export interface Finding {
  readonly path: string
  readonly what: string
  readonly fields: Readonly<Record<string, number>>
}

export interface PartitionLogOptions {
  readonly dir: string
  readonly segmentBytes: number
  readonly onFinding: (finding: Finding) => void
  /** A segment was finished: retention has something to look at. */
  readonly onRoll: () => void
}

/** The writing side of one partition: whole frames into the last segment, a new one when it is full. */
export class PartitionLog {
  readonly dir: string
  readonly #segmentBytes: number
  readonly #onRoll: () => void
  readonly #segments: Segment[]
  #file: FileHandle | undefined
  #length = 0
  #nextOffset = 0
  #durableOffset = 0

  constructor({ dir, segmentBytes, onFinding, onRoll }: PartitionLogOptions) {
    this.dir = dir
    this.#segmentBytes = segmentBytes
    this.#onRoll = onRoll
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    this.#segments = listSegments(dir)
    const last = this.#segments.at(-1)
    if (!last) return
    const { nextOffset, length, cutBytes, damage } = recoverSegment(last.path, last.baseOffset)
    this.#nextOffset = this.#durableOffset = nextOffset
    this.#length = length
    if (cutBytes > 0) onFinding({ path: last.path, what: 'a torn last write was cut off', fields: { cutBytes } })
    for (const range of damage)
      onFinding({ path: last.path, what: 'records are damaged: what lies between is lost', fields: range })
  }

  /** The offset after the last record that is on disk. */
  get durableOffset(): number {
    return this.#durableOffset
  }

  get firstOffset(): number {
    return this.#segments[0]?.baseOffset ?? this.#nextOffset
  }

  segments(): readonly Segment[] {
    return this.#segments
  }

  /** Writes and syncs; all or, where it throws, nothing of it is there afterwards. */
  async append(records: readonly FrameInput[]): Promise<void> {
    const buffer = Buffer.allocUnsafe(records.reduce((sum, record) => sum + frameBytes(record), 0))
    let offset = this.#nextOffset
    let at = 0
    for (const record of records) at = writeFrame(buffer, at, offset++, record)
    const file = await this.#writable(buffer.length)
    try {
      await writeAll(file, buffer, this.#length)
      await file.datasync()
    } catch (error) {
      // Half a write must not stand before the next one.
      await file.truncate(this.#length).catch(() => {})
      throw error
    }
    this.#length += buffer.length
    this.#nextOffset = this.#durableOffset = offset
  }

  async #writable(bytes: number): Promise<FileHandle> {
    const isFull = this.#length > headerBytes && this.#length + bytes > this.#segmentBytes
    const last = this.#segments.at(-1)
    if (!last || isFull) return await this.#roll()
    if (!this.#file) {
      this.#file = await open(last.path, 'r+')
      if (this.#length < headerBytes) await this.#writeHeader(this.#file)
    }
    return this.#file
  }

  async #roll(): Promise<FileHandle> {
    const segment = { baseOffset: this.#nextOffset, path: segmentPath(this.dir, this.#nextOffset) }
    const file = await open(segment.path, 'w+', 0o640)
    try {
      await this.#writeHeader(file)
      await syncFolder(this.dir)
    } catch (error) {
      await file.close()
      rmSync(segment.path, { force: true })
      throw error
    }
    await this.#file?.close()
    this.#file = file
    this.#segments.push(segment)
    this.#onRoll()
    return file
  }

  async #writeHeader(file: FileHandle): Promise<void> {
    const header = segmentHeader()
    await writeAll(file, header, 0)
    this.#length = header.length
  }

  bytes(): number {
    return this.#segments.reduce((sum, { path }) => sum + sizeOf(path), 0)
  }

  /** The oldest segment, unless it is the one written to. `endOffset` is the first offset after it. */
  oldest(): (Segment & { readonly endOffset: number }) | undefined {
    const [first, second] = this.#segments
    return first && second && { ...first, endOffset: second.baseOffset }
  }

  removeOldest(): void {
    const [segment] = this.#segments.splice(0, 1)
    if (segment) rmSync(segment.path, { force: true })
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}

async function writeAll(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesWritten } = await file.write(buffer, done, buffer.length - done, position + done)
    done += bytesWritten
  }
}

/** A new name is durable only when its folder is. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
