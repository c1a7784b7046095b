import { crc32 } from 'node:zlib'

/**
 * A segment file: 16 bytes of header, then frames.
 *
 * header: `THUMPLOG`, u32 version, u32 reserved.
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
export const maxFrameBytes = 64 * 2 ** 20

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
  return header
}

/** Undefined when all is well, else what is wrong, in words. */
export function checkHeader(header: Buffer): string | undefined {
  if (header.length < headerBytes || header.toString('latin1', 0, 8) !== magic) return 'is not a Thump log segment'
  const found = header.readUInt32LE(8)
  return found === version ? undefined : `has format version ${found}; this Thump reads ${version}`
}

export interface FrameInput {
  readonly timestampMs: number
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

export function frameBytes({ key, value, headers }: FrameInput): number {
  let size = frameOverhead + 16 + 2 + Buffer.byteLength(key) + 2 + value.length
  for (const name in headers) size += 4 + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '')
  return size
}

/** Writes one frame at `at` and returns where the next begins. The buffer is large enough (frameBytes). */
export function writeFrame(buffer: Buffer, at: number, offset: number, record: FrameInput): number {
  const start = at + frameOverhead
  let position = start
  buffer.writeBigUInt64LE(BigInt(offset), position)
  buffer.writeDoubleLE(record.timestampMs, position + 8)
  position = writeText(buffer, position + 16, record.key)
  const names = Object.keys(record.headers)
  buffer.writeUInt16LE(names.length, position)
  position += 2
  for (const name of names) {
    position = writeText(buffer, position, name)
    position = writeText(buffer, position, record.headers[name] ?? '')
  }
  buffer.set(record.value, position)
  position += record.value.length
  buffer.writeUInt32LE(position - start, at)
  buffer.writeUInt32LE(crc32(buffer.subarray(start, position)), at + 4)
  return position
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const length = buffer.write(text, at + 2)
  buffer.writeUInt16LE(length, at)
  return at + 2 + length
}

export type FrameRead =
  | { readonly kind: 'record'; readonly record: FramedRecord; readonly next: number }
  /** The frame goes on beyond the bytes at hand. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged' }

/** Reads the frame at `at`; the record's value is a view into `buffer`. */
export function readFrame(buffer: Buffer, at: number): FrameRead {
  if (at + frameOverhead > buffer.length) return { kind: 'incomplete' }
  const length = buffer.readUInt32LE(at)
  if (length < 20 || length > maxFrameBytes) return { kind: 'damaged' }
  const start = at + frameOverhead
  if (start + length > buffer.length) return { kind: 'incomplete' }
  const payload = buffer.subarray(start, start + length)
  if (crc32(payload) !== buffer.readUInt32LE(at + 4)) return { kind: 'damaged' }
  return { kind: 'record', record: decodePayload(payload), next: start + length }
}

function decodePayload(payload: Buffer): FramedRecord {
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
    offset: Number(payload.readBigUInt64LE(0)),
    timestampMs: payload.readDoubleLE(8),
    key,
    headers,
    value: payload.subarray(position),
  }
}
