import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type BodyOptions, createBodyDescriber } from '../../../../agent/sources/firehose/body.ts'
import { addSample, type CoverageSample, coverageOf } from '../../../../agent/sources/firehose/coverage.ts'
import { bindingKeysOf } from '../../../../agent/sources/firehose/queue.ts'
import { createRateLimit } from '../../../../agent/sources/firehose/rate-limit.ts'
import { refusalOf } from '../../../../agent/sources/firehose/version-gate.ts'

function describeBody(body: Buffer | string, properties: object = {}, changes: Partial<BodyOptions> = {}) {
  const mask = (text: string) => text.replace(/\d{4}-\d{4}/g, '[number]')
  const options = { payload: 'excerpt', payloadBytes: 20, hmacKey: Buffer.from('k'), mask, ...changes } as const
  return createBodyDescriber(options)(Buffer.from(body), { ...properties }).body
}

describe('a body', () => {
  test('is only counted unless more is asked for', () => {
    expect(describeBody('secret', {}, { payload: 'none' })).toEqual({ bytes: 6 })
    expect(describeBody('secret', {}, { payload: 'hash' })).toEqual({
      bytes: 6,
      hmac: expect.stringMatching(/^.{43}$/),
    })
  })

  test('hashes differ by key, so that no one can look a body up', () => {
    const [one, other] = ['a', 'b'].map((key) =>
      describeBody('1234', {}, { payload: 'hash', hmacKey: Buffer.from(key) }),
    )
    expect(one?.hmac).not.toBe(other?.hmac)
  })

  test('is masked before it is cut: no half of a number stays', () => {
    const { content, truncated } = describeBody('0123456789 card 1234-5678 end')
    expect(content).toBe('0123456789 card [num…')
    expect(truncated).toBe(true)
  })

  test('is cut between characters', () => {
    expect(describeBody('가'.repeat(10)).content).toBe(`${'가'.repeat(6)}…`)
  })

  test.each([
    ['gzip', gzipSync('{"a":1}')],
    ['deflate', deflateSync('{"a":1}')],
    ['zstd', zstdCompressSync('{"a":1}')],
  ])('is unpacked: %s', (encoding, packed) => {
    expect(describeBody(packed, { content_encoding: encoding })).toMatchObject({
      bytes: packed.length,
      content: '{"a":1}',
    })
  })

  test.each([
    ['a bomb', gzipSync(Buffer.alloc(3 * 2 ** 20)), { content_encoding: 'gzip' }],
    ['what is not packed as it says', Buffer.from('plain'), { content_encoding: 'gzip' }],
    ['bytes', Buffer.from([1, 2, 3, 0, 255]), {}],
    ['a declared picture', Buffer.from('GIF89a'), { content_type: 'image/gif' }],
    ['text in an unknown charset', Buffer.from('abc'), { content_type: 'text/plain; charset=x-none' }],
  ])('%s has only its length and hash', (_, body, properties) => {
    expect(Object.keys(describeBody(body, properties))).toEqual(['bytes', 'hmac'])
  })

  test('is read by its charset', () => {
    const korean = Buffer.from([0xb0, 0xa1, 0xb3, 0xaa])
    expect(describeBody(korean, { content_type: 'text/plain; charset=euc-kr' }).content).toBe('가나')
  })
})

describe('coverage', () => {
  const all = { publish: ['#'], deliver: ['#'] }
  const zero = { atMs: 0, captured: 0, received: 0, own: 0, published: 0, delivered: 0 }
  const over = (last: Partial<CoverageSample>, bindings = all) =>
    coverageOf([zero, { ...zero, atMs: 1000, ...last }], bindings)

  test('is one when each publish and delivery was captured; our own queue’s deliveries do not count', () => {
    expect(over({ published: 100, delivered: 100 + 210, received: 210, own: 10, captured: 200 })).toEqual({
      ratio: 200 / 200,
      lost: 0,
    })
  })

  test('tells what the broker dropped from what we did', () => {
    // 400 happened, the broker gave us 300 of them, and we handed on 100.
    expect(over({ published: 200, delivered: 200 + 300, received: 300, captured: 100 })).toEqual({
      ratio: 0.25,
      lost: 100,
    })
  })

  test('counts only what is bound', () => {
    expect(
      over({ published: 100, delivered: 999, received: 50, captured: 50 }, { publish: ['#'], deliver: [] }),
    ).toEqual({ ratio: 0.5, lost: 50 })
    expect(over({ delivered: 100, received: 50, captured: 50 }, { publish: [], deliver: ['q'] })).toEqual({
      ratio: 0.5,
      lost: 50,
    })
  })

  test('says nothing of a handful, and begins anew when the broker’s counters went back', () => {
    expect(over({ published: 5, captured: 5, received: 5 })).toBeUndefined()
    const samples = addSample([{ ...zero, published: 900 }], { ...zero, atMs: 5000, published: 3 })
    expect(samples).toHaveLength(1)
  })

  test('looks back five minutes', () => {
    const samples = addSample([zero, { ...zero, atMs: 100_000 }], { ...zero, atMs: 350_000 })
    expect(samples.map(({ atMs }) => atMs)).toEqual([100_000, 350_000])
  })
})

test('the rate limit lets a second’s worth pass at once and refills with time, and a clock set back does not stop it', () => {
  const limit = createRateLimit(10)
  const passed = (atMs: number) => Array.from({ length: 20 }, () => limit.take(atMs)).filter(Boolean).length
  expect([passed(1000), passed(1000), passed(1500), passed(500), passed(1000)]).toEqual([10, 0, 5, 0, 5])
})

test('patterns become binding keys; the default exchange has an empty name', () => {
  expect(bindingKeysOf({ publish: ['#', 'amq.default', 'shop.*'], deliver: ['q.1'] })).toEqual([
    'publish.#',
    'publish.',
    'publish.shop.*',
    'deliver.q.1',
  ])
})

test.each([
  ['3.12.14', false],
  ['3.13.0', true],
  ['3.13.4', true],
  ['3.13.5', false],
  ['3.13.40', false],
  ['4.0.5', false],
])('version %s is refused: %s', (version, isRefused) => {
  expect(refusalOf(version) !== undefined).toBe(isRefused)
})
