import type { Framer } from '../../parse/formats/framing.ts'
import type { SavedGeneration } from './checkpoint-file.ts'
import type { LogInput } from './contract.ts'
import { fingerprint, headBytes, readRange, tailBytes, type FileStat } from './evidence.ts'
import type { Packed } from '../../pack/record-packer.ts'
import type { Encoding } from './transcode.ts'

/** The content before a position: what proves that a file still is what was read. */
export interface Mark {
  readonly offset: number
  readonly tailLength: number
  readonly tail: string
}

/** Records read together; acknowledged together. After it the file was read to `end`. */
export interface Batch {
  readonly generation: Generation
  /** The records, and what was derived from them. */
  readonly packed: Packed
  /** Events in all. */
  readonly count: number
  readonly bytes: number
  readonly end: number
  readonly tail: Buffer
  readonly mid: SavedGeneration['mid']
}

/**
 * One content of one file, from its first byte to its end, under whatever name. Two positions: `readTo` (framed and handed
 * on) and `saved.offset` (acknowledged by the transport).
 */
export class Generation {
  readonly saved: SavedGeneration
  readonly input: LogInput
  readonly framer: Framer
  fd: number | undefined
  readTo: number
  mid: SavedGeneration['mid']
  /** The bytes before `readTo`, at most 256. */
  readTail: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  /** Size at the last look, and when it last changed. */
  size: number
  grewAtMs: number
  mtimeMs: number
  /** How far the last read got; beyond `readTo` lies an unfinished record. */
  scannedTo: number
  /** The unfinished record's bytes, so that a truncation cannot take what was already seen. */
  remainder: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  wantBytes: number
  isDirty = true
  hasMore = false
  isPersisted: boolean
  /** Not in the last look's files: renamed out of sight or deleted. */
  isDetached = false
  /** Its file's bytes are gone (truncated, rewritten): only what is in flight is left. */
  isOver = false
  error: string | undefined
  /** Complete looks in a row that did not show it. */
  absences = 0
  queuedBytes = 0
  counted = { nul: 0, long: 0 }
  /** Has the open file been found to hold what was read, by the reader itself? */
  isConfirmed = false
  /** Does the file under the path hold what was read? Asked once a process and after each reopening. */
  isVerified = false
  /** When an unfinished record is due, ms; infinite where nothing waits. */
  dueAtMs = Number.POSITIVE_INFINITY

  constructor(saved: SavedGeneration, input: LogInput, framer: Framer, nowMs: number, isPersisted: boolean) {
    this.saved = saved
    this.input = input
    this.framer = framer
    this.readTo = saved.offset
    this.scannedTo = saved.offset
    this.mid = saved.mid
    this.size = saved.size
    this.mtimeMs = saved.mtimeMs
    this.grewAtMs = nowMs
    this.wantBytes = 0
    this.isPersisted = isPersisted
  }

  get isAtEnd(): boolean {
    return this.readTo >= this.size && !this.hasMore
  }

  get isAcknowledged(): boolean {
    return this.saved.offset >= this.readTo && this.queuedBytes === 0
  }

  /** The next place where a record was cut before a crash. */
  nextCut(): number | undefined {
    return this.saved.cuts.find((cut) => cut > this.readTo)
  }

  /** Takes the file's first bytes into the identity as they appear; false where those it had are not there any more. */
  growHead(fd: number, size: number): boolean {
    const { saved } = this
    if (saved.headLength >= headBytes) return true
    if (size < saved.headLength) return false
    if (size === saved.headLength) return true
    const head = readRange(fd, 0, Math.min(headBytes, size))
    if (fingerprint(head.subarray(0, saved.headLength)) !== saved.head) return false
    saved.headLength = head.length
    saved.head = fingerprint(head)
    return true
  }

  acknowledge(batch: Batch): void {
    const { saved } = this
    saved.offset = batch.end
    saved.mid = batch.mid
    if (saved.cuts.length > 0) saved.cuts = saved.cuts.filter((cut) => cut > batch.end)
    saved.tailLength = batch.tail.length
    saved.tail = fingerprint(batch.tail)
    saved.family = this.framer.family
    this.queuedBytes -= batch.bytes
  }

  /** The place a file cut to `size` may go on from: its end is where a record was known to begin. */
  markAt(size: number): Mark | undefined {
    return this.saved.marks.find(({ offset }) => offset === size)
  }

  look(stat: FileStat, nowMs: number): void {
    if (stat.size !== this.size) this.grewAtMs = nowMs
    this.size = stat.size
    this.mtimeMs = stat.mtimeMs
  }

  /** What was looked at was read, and is this content: a file that was truncated must not lend it its time. */
  confirm(): void {
    this.saved.size = this.size
    this.saved.mtimeMs = this.mtimeMs
  }
}

export function markOf(bytes: Buffer, position: number, offset: number): Mark {
  const tail = bytes.subarray(Math.max(0, position - tailBytes), position)
  return { offset, tailLength: tail.length, tail: fingerprint(tail) }
}

export interface NewGeneration {
  readonly id: string
  readonly path: string
  readonly livePath: string
  readonly order: number
  readonly encoding: Encoding | undefined
}

/** The record of a file seen for the first time, read from `offset`. */
export function firstSight(made: NewGeneration, stat: FileStat, family: SavedGeneration['family']): SavedGeneration {
  return {
    id: made.id,
    path: made.path,
    livePath: made.livePath,
    dev: stat.dev,
    ino: stat.ino,
    birthNs: stat.birthNs,
    size: stat.size,
    mtimeMs: stat.mtimeMs,
    headLength: 0,
    head: fingerprint(Buffer.alloc(0)),
    offset: 0,
    tailLength: 0,
    tail: fingerprint(Buffer.alloc(0)),
    marks: [],
    cuts: [],
    mid: 'none',
    family,
    ...(made.encoding && { encoding: made.encoding }),
    order: made.order,
  }
}
