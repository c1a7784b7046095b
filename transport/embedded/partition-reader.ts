import { type FileHandle, open } from 'node:fs/promises'
import type { InRecord } from '../transport.ts'
import { nextWholeFrame } from './recover.ts'
import { frameOverhead, headerBytes, readFrame } from './segment-format.ts'
import { listSegments, type Segment } from './segments.ts'

export type ReadStep =
  | { readonly kind: 'records'; readonly records: readonly InRecord[] }
  /** Offsets that are not there any more, or never came to be whole. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number; readonly reason: 'retention' | 'truncated' }
  | { readonly kind: 'end' }

const chunkBytes = 256 * 1024

/** Reads one partition from an offset on; keeps its place in the file between steps. Does not follow a writer by itself. */
export class PartitionReader {
  readonly #dir: string
  #offset: number
  #segment: Segment | undefined
  #file: FileHandle | undefined
  #position = 0

  constructor(dir: string, offset: number) {
    this.#dir = dir
    this.#offset = offset
  }

  /** The next offset to be read. */
  get offset(): number {
    return this.#offset
  }

  /** What comes next, below `endOffset` (the writer's durable end; Infinity where only the files are known). */
  async step(endOffset: number): Promise<ReadStep> {
    if (this.#offset >= endOffset) return { kind: 'end' }
    if (!this.#file) {
      const gap = await this.#openAt()
      if (gap) return gap
      if (!this.#file) return { kind: 'end' }
    }
    for (let size = chunkBytes; ; size *= 4) {
      const chunk = await this.#chunk(size)
      const step = this.#decode(chunk, endOffset)
      if (step) return step
      // A record longer than the chunk; or the file ends in the middle of one.
      if (chunk.length < size) break
    }
    return await this.#atFileEnd(endOffset)
  }

  async #chunk(size: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(size)
    const { bytesRead } = (await this.#file?.read(buffer, 0, size, this.#position)) ?? { bytesRead: 0 }
    return buffer.subarray(0, bytesRead)
  }

  #decode(chunk: Buffer, endOffset: number): ReadStep | undefined {
    const records: InRecord[] = []
    let at = 0
    while (at < chunk.length) {
      const read = readFrame(chunk, at)
      if (read.kind === 'incomplete') break
      if (read.kind === 'damaged') {
        if (records.length > 0) break
        return this.#skipDamage(chunk, at)
      }
      const { record } = read
      if (record.offset >= endOffset) break
      at = read.next
      if (record.offset < this.#offset) continue
      if (record.offset > this.#offset && records.length === 0 && this.#offset >= (this.#segment?.baseOffset ?? 0)) {
        const gap = { kind: 'gap', from: this.#offset, to: record.offset, reason: 'truncated' } as const
        this.#offset = record.offset
        return gap
      }
      records.push(record)
      this.#offset = record.offset + 1
    }
    this.#position += at
    return records.length > 0
      ? { kind: 'records', records }
      : at > 0
        ? this.#decode(chunk.subarray(at), endOffset)
        : undefined
  }

  #skipDamage(chunk: Buffer, at: number): ReadStep | undefined {
    const found = nextWholeFrame(chunk, at + 1, this.#offset)
    if (!found) return undefined
    const gap = { kind: 'gap', from: this.#offset, to: found.offset, reason: 'truncated' } as const
    this.#position += found.at
    this.#offset = found.offset
    return gap
  }

  /** The file has no whole record more: the next segment, if there is one, goes on from here. */
  async #atFileEnd(endOffset: number): Promise<ReadStep> {
    const next = listSegments(this.#dir).find(({ baseOffset }) => baseOffset > (this.#segment?.baseOffset ?? -1))
    if (!next) return { kind: 'end' }
    // It may have been filled up between our read and the look at the folder.
    const late = await this.#chunk(frameOverhead)
    if (late.length === frameOverhead && next.baseOffset > this.#offset) {
      const chunk = await this.#chunk(frameOverhead + late.readUInt32LE(0))
      const step = this.#decode(chunk, endOffset)
      if (step) return step
    }
    await this.close()
    if (next.baseOffset > this.#offset) {
      const gap = { kind: 'gap', from: this.#offset, to: next.baseOffset, reason: 'truncated' } as const
      this.#offset = next.baseOffset
      return gap
    }
    return await this.step(endOffset)
  }

  async #openAt(): Promise<ReadStep | undefined> {
    const segments = listSegments(this.#dir)
    const segment = segments.findLast(({ baseOffset }) => baseOffset <= this.#offset) ?? segments[0]
    if (!segment) return undefined
    let gap: ReadStep | undefined
    if (segment.baseOffset > this.#offset) {
      gap = { kind: 'gap', from: this.#offset, to: segment.baseOffset, reason: 'retention' }
      this.#offset = segment.baseOffset
    }
    try {
      this.#file = await open(segment.path, 'r')
    } catch (error) {
      // Removed between the look and the opening: the next step looks again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return gap
    }
    this.#segment = segment
    this.#position = headerBytes
    return gap
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}
