import type { Framed } from '../../parse/formats/framing.ts'
import type { Tuning } from './contract.ts'
import type { EventWriter } from './event-writer.ts'
import { holdsContent, readFully, readRange, statFile, tailBytes } from './evidence.ts'
import { type Batch, type Generation, markOf } from './generation.ts'
import type { RecordPacker } from '../../pack/record-packer.ts'
import { sniff, transcode } from './transcode.ts'

export type ReadOutcome =
  | { readonly kind: 'batch'; readonly batch: Batch }
  /** Nothing to hand on now. */
  | { readonly kind: 'idle' }
  /** The bytes before the position are no longer those that were read. */
  | { readonly kind: 'replaced' }

const remainderLimit = 64 << 10

interface Turn {
  readonly writer: EventWriter
  bytes: number
  /** Where the last record began, in the file. */
  lastStart: number
  /** File offset of a position in the buffer being framed. */
  fileOffset: (position: number) => number
}

/** Reads one share of one file and frames it. One buffer serves all files: nothing of a file's bytes is kept between turns. */
export class Reader {
  readonly #tuning: Tuning
  readonly #packers: readonly RecordPacker[]
  #buffer: Buffer<ArrayBufferLike>
  #turn: Turn | undefined
  #generation: Generation | undefined
  readonly #writerOf: (generation: Generation) => EventWriter
  readonly #place = { generationId: '', livePath: '', offset: 0 }

  /** The packers: those that the writers write into. */
  constructor(tuning: Tuning, packers: readonly RecordPacker[], writerOf: (generation: Generation) => EventWriter) {
    this.#tuning = tuning
    this.#packers = packers
    this.#buffer = Buffer.allocUnsafeSlow(tuning.readBytes + tailBytes)
    this.#writerOf = writerOf
  }

  /** The framers' callback. */
  readonly onRecord = (framed: Framed): void => {
    const [turn, generation] = [this.#turn, this.#generation]
    if (!turn || !generation) return
    const place = this.#place
    place.generationId = generation.saved.id
    place.livePath = generation.saved.livePath
    place.offset = turn.fileOffset(framed.start)
    turn.lastStart = place.offset
    turn.bytes += turn.writer.write(framed, place)
  }

  /** One turn. The file must be open; `nowMs` decides what has rested long enough. */
  read(generation: Generation, nowMs: number): ReadOutcome {
    const fd = generation.fd
    if (fd === undefined) return { kind: 'idle' }
    generation.isDirty = false
    generation.hasMore = false
    const stat = statFile(fd)
    if (stat.size < generation.readTo) return { kind: 'replaced' }
    generation.look(stat, nowMs)
    if (!this.#isConfirmed(generation, fd, stat.size)) return { kind: 'replaced' }
    const tail = generation.readTail
    const cut = generation.nextCut()
    const share = Math.max(this.#tuning.readBytes, generation.wantBytes)
    const want = cut === undefined ? share : Math.min(share, cut - generation.readTo)
    if (this.#buffer.length < want + tail.length) this.#buffer = Buffer.allocUnsafeSlow(want + tailBytes)
    else if (this.#buffer.length > 8 * this.#tuning.readBytes && want === this.#tuning.readBytes)
      this.#buffer = Buffer.allocUnsafeSlow(want + tailBytes)
    const count = readFully(fd, this.#buffer, 0, tail.length + want, generation.readTo - tail.length)
    if (count < tail.length || tail.compare(this.#buffer, 0, tail.length) !== 0) return { kind: 'replaced' }
    if (!generation.growHead(fd, stat.size)) return { kind: 'replaced' }
    generation.confirm()
    const length = count - tail.length
    generation.hasMore = length === want
    generation.scannedTo = generation.readTo + length
    return length === 0 ? { kind: 'idle' } : this.#frame(generation, tail.length, count, nowMs)
  }

  /** Frames what a truncation left in memory only; the file itself is gone. */
  finish(generation: Generation): Batch | undefined {
    const bytes = generation.remainder
    if (bytes.length === 0) return undefined
    generation.remainder = Buffer.alloc(0)
    const before = generation.readTail
    const buffer = Buffer.concat([before, bytes])
    return this.#run(generation, buffer, before.length, buffer.length, true, true)
  }

  /** Between the look that found the file and the first read it may have been cut and written again, even beyond our position. */
  #isConfirmed(generation: Generation, fd: number, size: number): boolean {
    const { saved, readTo } = generation
    if (generation.isConfirmed) return true
    if (readTo === saved.offset && !holdsContent(fd, size, saved)) return false
    if (readTo > 0 && generation.readTail.length === 0)
      generation.readTail = readRange(fd, Math.max(0, readTo - tailBytes), readTo)
    generation.isConfirmed = true
    return true
  }

  #frame(generation: Generation, start: number, end: number, nowMs: number): ReadOutcome {
    const restMs = generation.hasMore ? 0 : nowMs - generation.grewAtMs
    const isAtCut = generation.scannedTo === generation.nextCut()
    const isRest = isAtCut || restMs >= this.#tuning.recordIdleMs
    const isLongRest = isAtCut || restMs >= this.#tuning.partialIdleMs
    if (!this.#settleEncoding(generation, start, end, isLongRest)) return { kind: 'idle' }
    const batch = this.#run(generation, this.#buffer, start, end, isRest, isLongRest)
    if (batch) return { kind: 'batch', batch }
    return generation.hasMore ? this.#grow(generation, start, end) : { kind: 'idle' }
  }

  /** A record larger than the share: read more at once, and where the limit is reached, cut. */
  #grow(generation: Generation, start: number, end: number): ReadOutcome {
    const limit = Math.max(generation.input.maxLineBytes, 1 << 20) + remainderLimit
    if (generation.wantBytes < limit) {
      generation.wantBytes = Math.min(limit, Math.max(generation.wantBytes, this.#tuning.readBytes) * 2)
      return { kind: 'idle' }
    }
    const batch = this.#run(generation, this.#buffer, start, end, true, true)
    if (!batch) return { kind: 'idle' }
    return { kind: 'batch', batch: { ...batch, mid: (generation.mid = 'skip') } }
  }

  /** The first bytes decide; a byte-order mark is stepped over. False while there are too few to say. */
  #settleEncoding(generation: Generation, start: number, end: number, isLongRest: boolean): boolean {
    if (generation.saved.encoding) return true
    const { encoding } = generation.input
    const found =
      sniff(this.#buffer.subarray(start, end)) ?? (isLongRest ? { encoding: 'utf-8' as const, bomBytes: 0 } : undefined)
    if (encoding === 'auto' && !found) return false
    generation.saved.encoding = encoding === 'auto' ? (found?.encoding ?? 'utf-8') : encoding
    return true
  }

  #run(
    generation: Generation,
    buffer: Buffer,
    start: number,
    end: number,
    flush: boolean,
    unterminated: boolean,
  ): Batch | undefined {
    const { saved, readTo } = generation
    const bom = readTo === 0 ? bomLength(buffer, start, end, saved.encoding) : 0
    const turn: Turn = {
      writer: this.#writerOf(generation),
      bytes: 0,
      lastStart: -1,
      fileOffset: (position) => readTo + position - start,
    }
    this.#turn = turn
    this.#generation = generation
    const forcedBefore = generation.framer.forcedCuts
    let consumed: number
    if (saved.encoding === undefined || saved.encoding === 'utf-8') {
      consumed = this.#lines(generation, buffer, start + bom, end, flush, unterminated) - start
    } else {
      const source = buffer.subarray(start + bom, end)
      const { bytes, sourceOf } = transcode(source, saved.encoding, unterminated)
      turn.fileOffset = (position) => readTo + bom + sourceOf(position)
      consumed = bom + sourceOf(this.#lines(generation, bytes, 0, bytes.length, flush, unterminated))
    }
    this.#turn = undefined
    this.#keepRemainder(generation, buffer, start + consumed, end)
    if (consumed === 0) return undefined
    if (generation.framer.forcedCuts > forcedBefore && !saved.cuts.includes(readTo + consumed)) {
      saved.cuts.push(readTo + consumed)
      generation.isPersisted = false
    }
    return this.#close(generation, turn, buffer, start, consumed)
  }

  #close(generation: Generation, turn: Turn, buffer: Buffer, start: number, consumed: number): Batch {
    const at = start + consumed
    if (turn.lastStart >= 0) {
      const mark = markOf(buffer, start + turn.lastStart - generation.readTo, turn.lastStart)
      generation.saved.marks = [...generation.saved.marks.slice(-3), mark]
    }
    generation.readTail = Buffer.from(buffer.subarray(Math.max(0, at - tailBytes), at))
    generation.readTo += consumed
    generation.wantBytes = 0
    generation.queuedBytes += turn.bytes
    if (generation.scannedTo > generation.readTo && generation.hasMore) generation.isDirty = true
    const taken = this.#packers.map((packer) => packer.take())
    const packs = taken.flatMap((packed) => packed.packs)
    return {
      generation,
      packed: { packs, release: () => taken.forEach(({ release }) => release()) },
      count: packs.reduce((sum, { timesMs }) => sum + timesMs.length, 0),
      bytes: turn.bytes,
      end: generation.readTo,
      tail: generation.readTail,
      mid: generation.mid,
    }
  }

  /** Whole lines to the framer; first the rest of a line that was begun before. */
  #lines(
    generation: Generation,
    bytes: Buffer,
    start: number,
    end: number,
    flush: boolean,
    unterminated: boolean,
  ): number {
    const { framer } = generation
    let at = start
    if (generation.mid !== 'none') {
      const found = bytes.indexOf(0x0a, at)
      const isOpen = found === -1 || found >= end
      const stop = isOpen ? end : found
      if (generation.mid === 'continued') {
        if (isOpen && !unterminated) return at
        if (stop > at) framer.continueLine(bytes, at, stop, isOpen)
      }
      if (isOpen) return end
      generation.mid = 'none'
      at = found + 1
    }
    const consumed = framer.frame(bytes, at, end, flush, unterminated)
    if (unterminated && consumed === end && end > at && bytes[end - 1] !== 0x0a) generation.mid = 'continued'
    return consumed
  }

  #keepRemainder(generation: Generation, buffer: Buffer, from: number, end: number): void {
    const length = end - from
    generation.remainder =
      generation.hasMore || length === 0 || length > remainderLimit
        ? Buffer.alloc(0)
        : Buffer.from(buffer.subarray(from, end))
  }
}

function bomLength(bytes: Buffer, start: number, end: number, encoding: string | undefined): number {
  const found = sniff(bytes.subarray(start, Math.min(end, start + 4)))
  return found && found.bomBytes > 0 && found.encoding === encoding ? found.bomBytes : 0
}
