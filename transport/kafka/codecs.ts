import { createRequire } from 'node:module'
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type * as Lz4 from 'lz4-napi'
import type * as Snappy from 'snappy'

export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

interface Codec {
  compress(data: Buffer): Buffer
  decompress(data: Buffer): Buffer
}

const load = createRequire(import.meta.url)
/** Native code, loaded with the first batch that needs it: few clusters ever have one. */
const lz4 = () => load('lz4-napi') as typeof Lz4
const snappy = () => load('snappy') as typeof Snappy

const snappyCodec: Codec = {
  compress: (data) => snappy().compressSync(data),
  decompress: (data) => (isXerial(data) ? unframeXerial(data) : uncompressBlock(data)),
}

/**
 * On events level 1 is quicker than the default, 3, and no larger. Events repeat within a few kilobytes: the small window
 * and table of places stay in the processor's cache, which saves a sixth of the time. Small chunks, for V8 keeps a
 * compressor with its last one until it collects all its garbage, and collects that the sooner.
 */
const zstdOptions = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_windowLog]: 17,
    [constants.ZSTD_c_hashLog]: 12,
    [constants.ZSTD_c_minMatch]: 5,
  },
  chunkSize: 32 << 10,
}

/** Beyond it a frame's word for its size is not taken: a few bytes may claim anything. */
const largestChunk = 8 << 20
const smallestChunk = 1 << 10

/**
 * In one piece where the frame tells how large it is: put together from pieces it would be written twice, and twice the
 * memory would wait for the garbage collector. One byte more, for a piece that is full asks for another.
 */
function decompressZstd(data: Buffer): Buffer {
  const size = zstdContentSize(data)
  const isBelieved = size !== undefined && size < largestChunk
  return zstdDecompressSync(data, isBelieved ? { chunkSize: Math.max(smallestChunk, size + 1) } : {})
}

/** By the number that a record batch carries in its attributes. */
const codecs: readonly (Codec | undefined)[] = [
  undefined,
  { compress: (data) => gzipSync(data), decompress: (data) => gunzipSync(data) },
  snappyCodec,
  { compress: (data) => lz4().compressFrameSync(data), decompress: (data) => lz4().decompressFrameSync(data) },
  { compress: (data) => zstdCompressSync(data, zstdOptions), decompress: decompressZstd },
]

export function compress(compression: Compression, data: Buffer): Buffer {
  return codecs[compressions.indexOf(compression)]?.compress(data) ?? data
}

/** `codec` is the number in a batch's attributes; throws for one that Kafka has not had yet. */
export function decompress(codec: number, data: Buffer): Buffer {
  if (codec === 0) return data
  const found = codecs[codec]
  if (!found) throw new Error(`a record batch is compressed by the unknown codec ${codec}`)
  return found.decompress(data)
}

const zstdMagic = 0xfd2fb528
const dictionaryBytes = [0, 1, 2, 4]

/** The plain size that the first frame's header tells (RFC 8878, 3.1.1.1); undefined where it does not. */
function zstdContentSize(data: Buffer): number | undefined {
  if (data.length < 18 || data.readUInt32LE(0) !== zstdMagic) return undefined
  const descriptor = data[4] ?? 0
  const isSingleSegment = (descriptor & 0x20) !== 0
  const at = 5 + (isSingleSegment ? 0 : 1) + (dictionaryBytes[descriptor & 3] ?? 0)
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? data[at] : undefined
    case 1:
      return data.readUInt16LE(at) + 256
    case 2:
      return data.readUInt32LE(at)
    default:
      return Number(data.readBigUInt64LE(at))
  }
}

/** Java's clients frame snappy in blocks of their own kind; librdkafka and this transport write one plain block. Brokers read both. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16

function isXerial(data: Buffer): boolean {
  return data.length >= xerialHeaderBytes && data.subarray(0, xerialMagic.length).equals(xerialMagic)
}

function unframeXerial(data: Buffer): Buffer {
  const blocks: Buffer[] = []
  for (let at = xerialHeaderBytes; at + 4 <= data.length; ) {
    const length = data.readInt32BE(at)
    at += 4
    blocks.push(uncompressBlock(data.subarray(at, at + length)))
    at += length
  }
  return Buffer.concat(blocks)
}

function uncompressBlock(block: Buffer): Buffer {
  const plain = snappy().uncompressSync(block)
  return typeof plain === 'string' ? Buffer.from(plain) : plain
}
