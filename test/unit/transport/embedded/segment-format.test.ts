import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scanSegment } from '../../../../transport/embedded/recover.ts'
import {
  checkHeader,
  decodePayload,
  frameAt,
  frameBytes,
  type FrameInput,
  headerBytes,
  segmentHeader,
  writeFrame,
} from '../../../../transport/embedded/segment-format.ts'

const text = (value: string): FrameInput => ({
  timestampMs: 1,
  key: 'k',
  value: Buffer.from(value),
  headers: { id: value },
})

function segmentOf(records: readonly FrameInput[], baseOffset = 0): Buffer {
  const frames = records.map((record, index) => {
    const buffer = Buffer.alloc(frameBytes(record) ?? 0)
    expect(writeFrame(buffer, 0, baseOffset + index, record)).toBe(buffer.length)
    return buffer
  })
  return Buffer.concat([segmentHeader(), ...frames])
}

describe('a frame', () => {
  const record = fc.record({
    timestampMs: fc.double({ noNaN: true }),
    key: fc.string({ unit: 'binary' }),
    value: fc.uint8Array(),
    headers: fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__'),
      fc.string({ unit: 'grapheme' }),
    ),
  })

  test('is read as it was written, at any offset a log can reach', () => {
    fc.assert(
      fc.property(record, fc.maxSafeNat(), (input, offset) => {
        const buffer = Buffer.alloc(frameBytes(input) ?? 0)
        expect(writeFrame(buffer, 0, offset, input)).toBe(buffer.length)
        const frame = frameAt(buffer, 0)
        if (frame.kind !== 'whole') throw new Error(frame.kind)
        const read = decodePayload(frame.payload)
        expect(frame.offset).toBe(offset)
        expect({ ...read, value: Uint8Array.from(read.value), headers: { ...read.headers } }).toEqual({
          ...input,
          offset,
          headers: { ...input.headers },
        })
      }),
    )
  })

  test.each([
    ['a key', { ...text('x'), key: 'k'.repeat(65_536) }],
    ['a key of many bytes', { ...text('x'), key: '한'.repeat(21_846) }],
    ['a header', { ...text('x'), headers: { id: 'v'.repeat(65_536) } }],
    ["a header's name", { ...text('x'), headers: { ['n'.repeat(65_536)]: 'v' } }],
  ])('has no size where %s is too long for it', (_, input) => {
    expect(frameBytes(input)).toBeUndefined()
  })
})

describe('what a segment holds after a crash', () => {
  const records = ['one', 'two', 'three'].map(text)
  const whole = segmentOf(records)
  const ends = records.map((_, index) => segmentOf(records.slice(0, index + 1)).length)

  test('a tail torn at any byte is cut after the last whole record', () => {
    for (let length = headerBytes; length <= whole.length; length++) {
      const kept = ends.filter((end) => end <= length).length
      expect(scanSegment(whole.subarray(0, length), 0), `${length} bytes`).toEqual({
        nextOffset: kept,
        length: ends[kept - 1] ?? headerBytes,
        cutBytes: length - (ends[kept - 1] ?? headerBytes),
        damage: [],
        isHeaderDamaged: false,
      })
    }
  })

  test('a tail of zeros, as a power cut leaves it, is cut', () => {
    const torn = Buffer.concat([whole, Buffer.alloc(4096)])
    expect(scanSegment(torn, 0)).toMatchObject({ nextOffset: 3, length: whole.length, cutBytes: 4096, damage: [] })
  })

  test('any bit flipped loses the one record it is in, which is named, or cut at the end', () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole)
      const at = bit >> 3
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
      const hit = ends.findIndex((end) => at < end)
      const { nextOffset, damage, isHeaderDamaged, cutBytes } = scanSegment(bytes, 0)
      if (at < headerBytes)
        expect({ nextOffset, damage, isHeaderDamaged }).toEqual({ nextOffset: 3, damage: [], isHeaderDamaged: true })
      else if (hit === 2) expect({ nextOffset, isCut: cutBytes > 0 }).toEqual({ nextOffset: 2, isCut: true })
      else expect({ nextOffset, damage }).toEqual({ nextOffset: 3, damage: [{ fromOffset: hit, toOffset: hit + 1 }] })
    }
  })

  test('a header that is none of ours is damage, not another version', () => {
    expect(checkHeader(Buffer.alloc(headerBytes)).kind).toBe('damaged')
    expect(checkHeader(segmentHeader().subarray(0, 10)).kind).toBe('damaged')
    expect(checkHeader(segmentHeader()).kind).toBe('ok')
  })
})
