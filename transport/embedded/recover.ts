import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { ThumpError } from '../../runtime/errors.ts'
import { checkHeader, frameAt, headerBytes, nextWholeFrame, versionProblem } from './segment-format.ts'

export interface OffsetRange {
  readonly fromOffset: number
  /** Exclusive. */
  readonly toOffset: number
}

/** What a segment holds after a crash. */
export interface Recovered {
  /** The offset after the last whole record. */
  readonly nextOffset: number
  /** Where the next record is written; 0 where not even the header is whole. */
  readonly length: number
  /** Bytes of a last write that was not whole, cut off. */
  readonly cutBytes: number
  /** Damage with whole records after it: those stay, the range between is lost. */
  readonly damage: readonly OffsetRange[]
  readonly isHeaderDamaged: boolean
}

/** What is in a segment's bytes; `length` is where a tail without a whole record begins. */
export function scanSegment(bytes: Buffer, baseOffset: number): Recovered {
  if (bytes.length < headerBytes)
    return { nextOffset: baseOffset, length: 0, cutBytes: bytes.length, damage: [], isHeaderDamaged: false }
  const damage: OffsetRange[] = []
  let length = headerBytes
  let nextOffset = baseOffset
  for (let at = headerBytes; at < bytes.length; ) {
    const frame = frameAt(bytes, at)
    if (frame.kind === 'whole') {
      if (frame.offset > nextOffset) damage.push({ fromOffset: nextOffset, toOffset: frame.offset })
      nextOffset = frame.offset + 1
      length = at = frame.next
      continue
    }
    const found = nextWholeFrame(bytes, at + 1, nextOffset)
    if (!found) break
    at = found.at
  }
  const isHeaderDamaged = checkHeader(bytes).kind === 'damaged'
  return { nextOffset, length, cutBytes: bytes.length - length, damage, isHeaderDamaged }
}

/** Reads a segment to its end, cuts a torn tail, syncs what a killed process had only written. Throws on another version. */
export function recoverSegment(path: string, baseOffset: number): Recovered {
  const bytes = readFileSync(path)
  const header = checkHeader(bytes)
  if (header.kind === 'other-version') throw new ThumpError('THUMP_REJECTED', versionProblem(path, header.version))
  const recovered = scanSegment(bytes, baseOffset)
  const file = openSync(path, 'r+')
  try {
    if (recovered.cutBytes > 0) ftruncateSync(file, recovered.length)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return recovered
}
