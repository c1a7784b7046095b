import { crc32c } from '@node-rs/crc32'
import { batchMemory } from './batch-memory.ts'
import { type Compression, compress, compressions, decompress } from './codecs.ts'
import { type PackedRun, runBytes, timeAt, writeRun } from './packed-run.ts'
import { readVarint, varintBytes, writeVarint } from './varint.ts'
import { readWireRecord, type WireRecord } from './wire-record.ts'

/**
 * Kafka's record batch, version 2, big endian:
 * i64 base offset, i32 length, i32 leader epoch, i8 magic, u32 CRC-32C of all that follows, i16 attributes,
 * i32 last offset delta, i64 base time, i64 greatest time, i64 producer id, i16 producer epoch, i32 base sequence,
 * i32 count, records (compressed together).
 */
const headerBytes = 61
const magic = 2

export interface PlainRecord {
  readonly key: Buffer
  readonly value: Uint8Array
  readonly headers: ReadonlyArray<readonly [name: Buffer, value: Buffer]>
  readonly timestampMs: number
}

/** Who sends, for the broker to drop what it has already: -1 throughout where it is not asked to. */
export interface ProducerStamp {
  readonly id: bigint
  readonly epoch: number
  readonly sequence: number
}

/** Bytes of the record in a batch, compression aside; an upper bound. */
export function recordBytes({ key, value, headers }: PlainRecord): number {
  let bytes = 31 + key.length + value.length
  for (const [name, text] of headers) bytes += 10 + name.length + text.length
  return bytes
}

/** What a batch is made of, in order. */
export type BatchItem = PlainRecord | PackedRun

/** How many records an item stands for. */
export const countOf = (item: BatchItem): number => ('pack' in item ? item.to - item.from : 1)

export const itemBytes = (item: BatchItem): number =>
  'pack' in item ? runBytes(item, item.to - item.from) : recordBytes(item)

/** What is compressed leaves its plain bytes at once: they are written into the same memory every time. */
let scratch = Buffer.alloc(0)
const largestScratch = 4 << 20

function roomFor(bytes: number): Buffer {
  if (bytes > largestScratch) return Buffer.allocUnsafeSlow(bytes)
  if (scratch.length < bytes) scratch = Buffer.allocUnsafeSlow(Math.max(bytes, 1 << 20))
  return scratch
}

/** The records as one batch. There is at least one, and their times are whole numbers. */
export function encodeBatch(items: readonly BatchItem[], compression: Compression, stamp: ProducerStamp): Buffer {
  const { baseMs, greatestMs, bytes, count } = measured(items)
  const isPlain = compression === 'none'
  const start = isPlain ? headerBytes : 0
  const plain = isPlain ? batchMemory(start + bytes) : roomFor(bytes)
  let [at, delta] = [start, 0]
  for (const item of items) {
    at =
      'pack' in item
        ? writeRun(item, plain, at, delta, baseMs)
        : writeRecord(plain, at, item, delta, item.timestampMs - baseMs)
    delta += countOf(item)
  }
  if (isPlain) return sealed(plain.subarray(0, at), { compression, count, baseMs, greatestMs, stamp })
  const body = compress(compression, plain.subarray(0, at))
  const batch = batchMemory(headerBytes + body.length)
  body.copy(batch, headerBytes)
  return sealed(batch, { compression, count, baseMs, greatestMs, stamp })
}

interface Measured {
  readonly baseMs: number
  readonly greatestMs: number
  readonly bytes: number
  readonly count: number
}

function measured(items: readonly BatchItem[]): Measured {
  const [first] = items
  const baseMs = first === undefined ? 0 : 'pack' in first ? timeAt(first, first.from) : first.timestampMs
  let [greatestMs, bytes, count] = [baseMs, 0, 0]
  for (const item of items) {
    bytes += itemBytes(item)
    count += countOf(item)
    if (!('pack' in item)) greatestMs = Math.max(greatestMs, item.timestampMs)
    else for (let index = item.from; index < item.to; index++) greatestMs = Math.max(greatestMs, timeAt(item, index))
  }
  return { baseMs, greatestMs, bytes, count }
}

interface Sealing extends Omit<Measured, 'bytes'> {
  readonly compression: Compression
  readonly stamp: ProducerStamp
}

/** Fills in the header before the body that is there already. */
function sealed(batch: Buffer, { compression, count, baseMs, greatestMs, stamp }: Sealing): Buffer {
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(magic, 16)
  batch.writeInt16BE(compressions.indexOf(compression), 21)
  batch.writeInt32BE(count - 1, 23)
  batch.writeBigInt64BE(BigInt(baseMs), 27)
  batch.writeBigInt64BE(BigInt(greatestMs), 35)
  batch.writeBigInt64BE(stamp.id, 43)
  batch.writeInt16BE(stamp.epoch, 51)
  batch.writeInt32BE(stamp.sequence, 53)
  batch.writeInt32BE(count, 57)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

function writeRecord(buffer: Buffer, start: number, record: PlainRecord, index: number, delta: number): number {
  const { key, value, headers } = record
  let bytes = 1 + varintBytes(delta) + varintBytes(index) + varintBytes(key.length) + key.length
  bytes += varintBytes(value.length) + value.length + varintBytes(headers.length)
  for (const [name, text] of headers)
    bytes += varintBytes(name.length) + name.length + varintBytes(text.length) + text.length
  let at = writeVarint(buffer, start, bytes)
  buffer[at++] = 0
  at = writeVarint(buffer, at, delta)
  at = writeVarint(buffer, at, index)
  at = writeBytes(buffer, at, key)
  at = writeBytes(buffer, at, value)
  at = writeVarint(buffer, at, headers.length)
  for (const [name, text] of headers) at = writeBytes(buffer, writeBytes(buffer, at, name), text)
  return at
}

function writeBytes(buffer: Buffer, start: number, bytes: Uint8Array): number {
  const at = writeVarint(buffer, start, bytes.length)
  buffer.set(bytes, at)
  return at + bytes.length
}

/** One batch of a fetched run of bytes, still compressed: the memory of what waits is what was on the wire. */
export interface WireBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  /** The first record's time, as its sender gave it. */
  readonly baseMs: number
  readonly bytes: Buffer
}

/** The whole batches in the bytes; brokers cut the last one where the size asked for ends. */
export function splitBatches(bytes: Buffer): WireBatch[] {
  const batches: WireBatch[] = []
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const baseOffset = Number(bytes.readBigInt64BE(at))
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23)
    const baseMs = Number(bytes.readBigInt64BE(at + 27))
    batches.push({ baseOffset, lastOffset, baseMs, bytes: bytes.subarray(at, end) })
    at = end
  }
  return batches
}

/** The batch's records from offset `from` on; none for a transaction's marker. Throws where the bytes are damaged. */
export function decodeBatch({ baseOffset, baseMs, bytes }: WireBatch, from: number): WireRecord[] {
  if (bytes.readInt8(16) !== magic) throw new Error(`a record batch has the unknown format ${bytes.readInt8(16)}`)
  if (crc32c(bytes.subarray(21)) !== bytes.readUInt32BE(17))
    throw new Error('a record batch does not match its checksum')
  const attributes = bytes.readInt16BE(21)
  if ((attributes & 0x20) !== 0) return []
  const isAppendTime = (attributes & 0x08) !== 0
  const appendMs = Number(bytes.readBigInt64BE(35))
  const plain = decompress(attributes & 7, bytes.subarray(headerBytes))
  const records: WireRecord[] = []
  const cursor = { buffer: plain, at: 0 }
  for (let left = bytes.readInt32BE(57); left > 0; left--) {
    const end = readVarint(cursor) + cursor.at
    cursor.at++
    const timestampMs = baseMs + readVarint(cursor)
    const offset = baseOffset + readVarint(cursor)
    if (offset >= from) records.push(readWireRecord(cursor, offset, isAppendTime ? appendMs : timestampMs))
    cursor.at = end
  }
  return records
}
