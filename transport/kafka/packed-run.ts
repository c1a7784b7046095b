import type { PackedRecords } from '../transport.ts'
import { varintBytes, writeVarint } from './varint.ts'

/** A stretch of packed records, with what they have in common already as Kafka writes it. */
export interface PackedRun {
  readonly pack: PackedRecords
  /** Length and key. */
  readonly keyBlock: Buffer
  /** Number of headers, the common ones, and the name of the last, `id`. */
  readonly headerBlock: Buffer
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** In place of the records' own times, where the broker refused those. */
  readonly timestampMs?: number
}

/** Length of a record's frame at most: its own length, attributes, time and offset, lengths of value and id. */
const frameBytes = 31

export function packedRun(pack: PackedRecords, key: Buffer): PackedRun {
  const headers = Object.entries(pack.headers)
  const parts = [varint(headers.length + 1)]
  for (const text of [...headers.flat(), 'id']) parts.push(varint(Buffer.byteLength(text)), Buffer.from(text))
  const keyBlock = Buffer.concat([varint(key.length), key])
  return { pack, keyBlock, headerBlock: Buffer.concat(parts), from: 0, to: pack.timesMs.length }
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(10)
  return bytes.subarray(0, writeVarint(bytes, 0, value))
}

const startOf = ({ start, bounds }: PackedRecords, index: number): number =>
  index === 0 ? start : (bounds[2 * index - 1] as number)

/** Of the run's first record. */
export function valueAndIdOf({ pack, from }: PackedRun): { readonly value: Buffer; readonly id: Buffer } {
  const { bytes, bounds } = pack
  const [valueEnd, idEnd] = [bounds[2 * from] as number, bounds[2 * from + 1] as number]
  return { value: bytes.subarray(startOf(pack, from), valueEnd), id: bytes.subarray(valueEnd, idEnd) }
}

/** Bytes of the run's first `count` records in a batch, compression aside; an upper bound. */
export function runBytes({ pack, keyBlock, headerBlock, from }: PackedRun, count: number): number {
  const payload = startOf(pack, from + count) - startOf(pack, from)
  return payload + count * (frameBytes + keyBlock.length + headerBlock.length)
}

/** How many of the run's records, `most` at most, have no more than `bytes` together. */
export function fitting(run: PackedRun, most: number, bytes: number): number {
  let [low, high] = [0, Math.min(most, run.to - run.from)]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (runBytes(run, middle) <= bytes) low = middle
    else high = middle - 1
  }
  return low
}

export const timeAt = ({ pack, timestampMs }: PackedRun, index: number): number =>
  timestampMs ?? (pack.timesMs[index] as number)

/** Writes the run's records, the first as the batch's record number `firstDelta`; returns where they end. */
export function writeRun(run: PackedRun, buffer: Buffer, start: number, firstDelta: number, baseMs: number): number {
  const { pack, keyBlock, headerBlock, from, to } = run
  const { bytes, bounds } = pack
  const fixed = 1 + keyBlock.length + headerBlock.length
  let at = start
  let source = startOf(pack, from)
  for (let index = from; index < to; index++) {
    const valueEnd = bounds[2 * index] as number
    const idEnd = bounds[2 * index + 1] as number
    const valueLength = valueEnd - source
    const idLength = idEnd - valueEnd
    const delta = timeAt(run, index) - baseMs
    const offset = firstDelta + index - from
    const lengths = varintBytes(delta) + varintBytes(offset) + varintBytes(valueLength) + varintBytes(idLength)
    at = writeVarint(buffer, at, fixed + lengths + valueLength + idLength)
    buffer[at++] = 0
    at = writeVarint(buffer, at, delta)
    at = writeVarint(buffer, at, offset)
    buffer.set(keyBlock, at)
    at = writeVarint(buffer, at + keyBlock.length, valueLength)
    bytes.copy(buffer, at, source, valueEnd)
    at += valueLength
    buffer.set(headerBlock, at)
    at = writeVarint(buffer, at + headerBlock.length, idLength)
    for (let index = valueEnd; index < idEnd; index++) buffer[at++] = bytes[index] as number
    source = idEnd
  }
  return at
}
