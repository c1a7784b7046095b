import { type FileHandle, open } from 'node:fs/promises'
import { ThumpError } from '../../runtime/errors.ts'
import type { Gap, InRecord } from '../transport.ts'
import { checkHeader, decodePayload, frameAt, headerBytes, nextWholeFrame, versionProblem } from './segment-format.ts'
import { listSegments, type Segment } from './segments.ts'

export type ReadStep =
  | { readonly kind: 'records'; readonly records: readonly InRecord[] }
  /** Offsets that are not there any more, or never came to be whole. */
  | ({ readonly kind: 'gap' } & Pick<Gap, 'from' | 'to' | 'reason'>)
  | { readonly kind: 'end' }

interface Parsed {
  readonly records: readonly InRecord[]
  /** Where the first frame begins that is not among them. */
  readonly at: number
  readonly stop: 'all-read' | 'end' | 'jump' | 'incomplete' | 'damaged'
}

/** A reader that has caught up looks often and finds little; one that is behind takes much at once. */
const smallBytes = 16 * 1024
const chunkBytes = 256 * 1024

/** Reads one partition from an offset on; keeps its place in the file between steps. Does not follow a writer by itself. */
export class PartitionReader {
  readonly #dir: string
  #offset: number
  #segment: Segment | undefined
  #file: FileHandle | undefined
  #position = 0
  #nextBytes = chunkBytes
  /** A later segment was seen: nothing is written to this one any more. */
  #isFinal = false

  constructor(dir: string, offset: number) {
    this.#dir = dir
    this.#offset = offset
  }

  /** The next offset to be read. */
  get offset(): number {
    return this.#offset
  }

  async moveTo(offset: number): Promise<void> {
    await this.close()
    this.#offset = offset
  }

  /** What comes next, below `endOffset` (the writer's durable end; Infinity where only the files are known). */
  async step(endOffset: number): Promise<ReadStep> {
    if (this.#offset >= endOffset) return { kind: 'end' }
    if (!this.#file) {
      const gap = await this.#openAt()
      if (gap) return gap
      if (!this.#file) return Number.isFinite(endOffset) ? this.#gap(endOffset, 'truncated') : { kind: 'end' }
    }
    for (let size = this.#nextBytes; ; ) {
      const chunk = await this.#chunk(size)
      this.#nextBytes = chunk.length < size ? smallBytes : chunkBytes
      const isFileEnd = chunk.length < size
      const { records, at, stop } = this.#parse(chunk, endOffset)
      this.#position += at
      if (records.length > 0) {
        this.#offset += records.length
        return { kind: 'records', records }
      }
      if (stop === 'end') return { kind: 'end' }
      const isOver = isFileEnd || (stop === 'damaged' && at === 0)
      if (stop === 'jump' || (isOver && stop !== 'all-read')) {
        const gap = this.#goOn(chunk, at, endOffset)
        if (gap === 'found') continue
        if (gap) return gap
      }
      if (isFileEnd) {
        const step = await this.#atFileEnd(endOffset)
        if (step) return step
        size = chunkBytes
      } else if (at === 0) size *= 4
      else size = chunkBytes
    }
  }

  /** As many bytes as there are, at most `size`. */
  async #chunk(size: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(size)
    let filled = 0
    while (this.#file && filled < size) {
      const { bytesRead } = await this.#file.read(buffer, filled, size - filled, this.#position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  }

  #parse(chunk: Buffer, endOffset: number): Parsed {
    const records: InRecord[] = []
    for (let at = 0; ; ) {
      if (at === chunk.length) return { records, at, stop: 'all-read' }
      const frame = frameAt(chunk, at)
      if (frame.kind !== 'whole') return { records, at, stop: frame.kind }
      if (frame.offset >= endOffset) return { records, at, stop: 'end' }
      const expected = this.#offset + records.length
      if (frame.offset > expected) return { records, at, stop: 'jump' }
      if (frame.offset === expected) records.push(decodePayload(frame.payload))
      at = frame.next
    }
  }

  /** After damage the next whole record goes on; undefined where these bytes have none. */
  #goOn(chunk: Buffer, from: number, endOffset: number): ReadStep | 'found' | undefined {
    const found = nextWholeFrame(chunk, from, this.#offset)
    if (!found || found.offset >= endOffset) return undefined
    this.#position += found.at - from
    return found.offset === this.#offset ? 'found' : this.#gap(found.offset, 'truncated')
  }

  #gap(to: number, reason: Gap['reason']): ReadStep {
    const from = this.#offset
    this.#offset = to
    return { kind: 'gap', from, to, reason }
  }

  /** This file has no whole record more. Undefined: look at it once again. */
  async #atFileEnd(endOffset: number): Promise<ReadStep | undefined> {
    const segments = listSegments(this.#dir)
    const base = this.#segment?.baseOffset ?? -1
    const next = segments.find(({ baseOffset }) => baseOffset > base)
    if (!next) return Number.isFinite(endOffset) ? this.#gap(endOffset, 'truncated') : { kind: 'end' }
    // It may have been filled up between our read and the look at the folder.
    if (!this.#isFinal) {
      this.#isFinal = true
      return undefined
    }
    await this.close()
    if (next.baseOffset <= this.#offset) return await this.step(endOffset)
    return this.#gap(next.baseOffset, segments[0] === next ? 'retention' : 'truncated')
  }

  async #openAt(): Promise<ReadStep | undefined> {
    const segments = listSegments(this.#dir)
    const segment = segments.findLast(({ baseOffset }) => baseOffset <= this.#offset) ?? segments[0]
    if (!segment) return undefined
    if (segment.baseOffset > this.#offset) return this.#gap(segment.baseOffset, 'retention')
    const file = await open(segment.path, 'r').catch((error: NodeJS.ErrnoException) => {
      // Removed between the look and the opening.
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (!file) return await this.#openAt()
    const header = Buffer.alloc(headerBytes)
    const { bytesRead } = await file.read(header, 0, headerBytes, 0)
    const check = checkHeader(header.subarray(0, bytesRead))
    if (check.kind === 'other-version') {
      await file.close()
      throw new ThumpError('THUMP_REJECTED', versionProblem(segment.path, check.version))
    }
    this.#file = file
    this.#segment = segment
    this.#isFinal = false
    this.#position = headerBytes
    return undefined
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}
