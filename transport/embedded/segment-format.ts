import { crc32 } from 'node:zlib'

/**
 * A segment file: 16 bytes of header, then frames.
 *
 * header: `THUMPLOG`, u32 version, u32 CRC-32 of these 12 bytes.
 * frame:  u32 length of the payload, u32 CRC-32 of the payload, payload. Little endian.
 * payload: u64 offset, f64 time in ms, u16 key length, key, u16 count of headers, each (u16 length, name, u16 length, value), rest = value.
 *
 * A frame is whole or it does not exist: recovery cuts the file after the last frame whose CRC holds.
 */
export const headerBytes = 16
export const frameOverhead = 8
const magic = 'THUMPLOG'
const version = 1
/** A length beyond this is no length but damage. */
const maxFrameBytes = 64 * 2 ** 20
/** Offset, time and the two counts: no payload is shorter. */
const leastPayload = 20
const maxText = 0xffff
const shortText = 64

export interface FramedRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string
  readonly value: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export function segmentHeader(): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.write(magic, 'latin1')
  header.writeUInt32LE(version, 8)
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12)
  return header
}

export type HeaderCheck =
  | { readonly kind: 'ok' }
  /** The frames have checksums of their own and are read all the same. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'other-version'; readonly version: number }

export function checkHeader(header: Buffer): HeaderCheck {
  if (header.length < headerBytes || header.toString('latin1', 0, 8) !== magic) return { kind: 'damaged' }
  if (crc32(header.subarray(0, 12)) !== header.readUInt32LE(12)) return { kind: 'damaged' }
  const found = header.readUInt32LE(8)
  return found === version ? { kind: 'ok' } : { kind: 'other-version', version: found }
}

/** What to tell people who meet a segment of another version. */
export function versionProblem(path: string, found: number): string {
  return `${path} has format version ${found}; this Thump reads version ${version}`
}

export interface FrameInput {
  readonly timestampMs: number
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** Bytes of a frame; undefined where a key or header is longer than can be framed. */
export function frameBytes({ key, value, headers }: FrameInput): number | undefined {
  const keyBytes = bytesOf(key)
  let longest = keyBytes
  let size = frameOverhead + leastPayload + keyBytes + value.length
  let count = 0
  for (const name in headers) {
    const nameBytes = bytesOf(name)
    const textBytes = bytesOf(headers[name] ?? '')
    longest = Math.max(longest, nameBytes, textBytes, ++count)
    size += 4 + nameBytes + textBytes
  }
  return longest > maxText || size > maxFrameBytes ? undefined : size
}

/** Of a short text that is ASCII, as nearly all here are, without a call out of JavaScript. */
function bytesOf(text: string): number {
  if (text.length > shortText) return Buffer.byteLength(text)
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return Buffer.byteLength(text)
  return text.length
}

/** Writes one frame at `at` and returns where the next begins. The buffer is large enough (frameBytes). */
export function writeFrame(buffer: Buffer, at: number, offset: number, record: FrameInput): number {
  const start = at + frameOverhead
  let position = start
  // Two halves spare a BigInt for each record.
  buffer.writeUInt32LE(offset % 2 ** 32, position)
  buffer.writeUInt32LE(Math.floor(offset / 2 ** 32), position + 4)
  buffer.writeDoubleLE(record.timestampMs, position + 8)
  position = writeText(buffer, position + 16, record.key)
  const countAt = position
  let count = 0
  position += 2
  for (const name in record.headers) {
    position = writeText(buffer, position, name)
    position = writeText(buffer, position, record.headers[name] ?? '')
    count++
  }
  buffer.writeUInt16LE(count, countAt)
  buffer.set(record.value, position)
  position += record.value.length
  buffer.writeUInt32LE(position - start, at)
  buffer.writeUInt32LE(crc32(buffer.subarray(start, position)), at + 4)
  return position
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const start = at + 2
  const length = writeShort(buffer, start, text) ? text.length : buffer.write(text, start)
  buffer.writeUInt16LE(length, at)
  return start + length
}

/** False where the text is not short or not ASCII: what was begun is written over. */
function writeShort(buffer: Buffer, start: number, text: string): boolean {
  if (text.length > shortText) return false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 127) return false
    buffer[start + index] = code
  }
  return true
}

function readOffset(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32
}

export type Frame =
  | { readonly kind: 'whole'; readonly offset: number; readonly payload: Buffer; readonly next: number }
  /** The frame goes on beyond the bytes at hand, or its length is damaged. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged' }

/** Looks at the frame at `at`; the payload is a view into `buffer`. */
export function frameAt(buffer: Buffer, at: number): Frame {
  if (at + frameOverhead > buffer.length) return { kind: 'incomplete' }
  const length = buffer.readUInt32LE(at)
  if (length < leastPayload || length > maxFrameBytes) return { kind: 'damaged' }
  const start = at + frameOverhead
  const next = start + length
  if (next > buffer.length) return { kind: 'incomplete' }
  const payload = buffer.subarray(start, next)
  if (crc32(payload) !== buffer.readUInt32LE(at + 4)) return { kind: 'damaged' }
  return { kind: 'whole', offset: readOffset(payload, 0), payload, next }
}

/** The next place from `from` on where a whole frame begins whose offset is plausible: where reading goes on after damage. */
export function nextWholeFrame(
  buffer: Buffer,
  from: number,
  leastOffset: number,
): { readonly at: number; readonly offset: number } | undefined {
  const last = buffer.length - frameOverhead - leastPayload
  for (let at = from; at <= last; at++) {
    const length = buffer.readUInt32LE(at)
    if (length < leastPayload || at + frameOverhead + length > buffer.length) continue
    // Before the checksum, which is costly: no segment holds more records than bytes.
    const offset = readOffset(buffer, at + frameOverhead)
    if (offset < leastOffset || offset > leastOffset + buffer.length) continue
    if (frameAt(buffer, at).kind === 'whole') return { at, offset }
  }
  return undefined
}

/** A whole frame's record; its value is a view into the payload. */
export function decodePayload(payload: Buffer): FramedRecord {
  let position = 16
  const text = () => {
    const length = payload.readUInt16LE(position)
    const value = payload.toString('utf8', position + 2, position + 2 + length)
    position += 2 + length
    return value
  }
  const key = text()
  const headers: Record<string, string> = {}
  const count = payload.readUInt16LE(position)
  position += 2
  for (let index = 0; index < count; index++) {
    const name = text()
    headers[name] = text()
  }
  return {
    offset: readOffset(payload, 0),
    timestampMs: payload.readDoubleLE(8),
    key,
    headers,
    value: payload.subarray(position),
  }
}
