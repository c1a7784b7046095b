import { closeSync, ftruncateSync, fsyncSync, openSync, readFileSync } from 'node:fs'
import { checkHeader, frameOverhead, headerBytes, readFrame } from './segment-format.ts'

/** What a segment holds after a crash. */
export interface Recovered {
  /** The offset after the last whole record. */
  readonly nextOffset: number
  /** Where the next record would be written; after damage in the middle nothing may be. */
  readonly length: number
  /** Bytes of a torn last write that were cut off: nothing in them was ever acknowledged. */
  readonly cutBytes: number
  /** Damage with whole records after it: those stay, the range between is lost. */
  readonly damage: ReadonlyArray<{ readonly fromOffset: number; readonly toOffset: number }>
}

/** Reads a segment to its end; cuts a torn tail, keeps what lies after damage. Throws where the file is none of ours. */
export function recoverSegment(path: string, baseOffset: number): Recovered {
  const bytes = readFileSync(path)
  if (bytes.length < headerBytes) return { nextOffset: baseOffset, length: 0, cutBytes: bytes.length, damage: [] }
  const wrong = checkHeader(bytes)
  if (wrong !== undefined) throw new Error(`${path} ${wrong}`)
  const damage: Array<{ fromOffset: number; toOffset: number }> = []
  let at = headerBytes
  let nextOffset = baseOffset
  while (at < bytes.length) {
    const read = readFrame(bytes, at)
    if (read.kind === 'record') {
      nextOffset = read.record.offset + 1
      at = read.next
      continue
    }
    const found = nextWholeFrame(bytes, at + 1, nextOffset)
    if (!found) break
    damage.push({ fromOffset: nextOffset, toOffset: found.offset })
    at = found.at
  }
  const cutBytes = bytes.length - at
  if (cutBytes > 0) cut(path, at)
  return { nextOffset, length: at, cutBytes, damage }
}

/** The next place after damage where a record of ours begins: its offset is plausible and its checksum holds. */
export function nextWholeFrame(
  bytes: Buffer,
  from: number,
  leastOffset: number,
): { at: number; offset: number } | undefined {
  for (let at = from; at + frameOverhead + 20 <= bytes.length; at++) {
    const length = bytes.readUInt32LE(at)
    if (length < 20 || at + frameOverhead + length > bytes.length) continue
    const offset = Number(bytes.readBigUInt64LE(at + frameOverhead))
    if (offset < leastOffset || offset > leastOffset + 10_000_000) continue
    if (readFrame(bytes, at).kind === 'record') return { at, offset }
  }
  return undefined
}

function cut(path: string, length: number): void {
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, length)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
