import { constants, zstdCompressSync } from 'node:zlib'
import { compressSync } from 'snappy'
import { expect, test } from 'vitest'
import { compress, decompress } from '../../../../transport/kafka/codecs.ts'

test('snappy is also read in the blocks that Java clients write', () => {
  const block = (text: string) => {
    const data = compressSync(text)
    const length = Buffer.alloc(4)
    length.writeInt32BE(data.length)
    return Buffer.concat([length, data])
  }
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1])
  const framed = Buffer.concat([header, block('first '), block('second')])
  expect(decompress(2, framed).toString()).toBe('first second')
})

test('lz4 is written as a frame of independent blocks, for Java clients read no other', () => {
  const frame = compress('lz4', Buffer.alloc(200_000, 'thump '))
  expect(frame.readUInt32LE(0)).toBe(0x184d2204)
  expect((frame[4] ?? 0) & 0x20).toBe(0x20)
})

test('a codec that Kafka does not have is named', () => {
  expect(() => decompress(7, Buffer.alloc(1))).toThrow('unknown codec 7')
})

/** Frames that tell their size in each of the ways a frame can, and those that do not tell it. */
test.each([
  ['in one byte', 5, {}],
  ['in two bytes', 300, {}],
  ['in four bytes', 70_000, {}],
  ['not at all', 70_000, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } }],
])('zstd is read whole where its frame tells its size %s', (_, size, options) => {
  const text = Buffer.alloc(size, 'thump ')
  expect(decompress(4, zstdCompressSync(text, { ...options })).equals(text)).toBe(true)
})

test('a frame that tells more than it holds takes no memory for it', () => {
  const frame = zstdCompressSync(Buffer.alloc(70_000, 'thump '))
  frame.writeUInt32LE(2 ** 31, 5)
  expect(() => decompress(4, frame)).toThrow()
})
