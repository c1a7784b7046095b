import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type BodyOptions, createBodyDescriber } from '../../../../agent/sources/firehose/body.ts'
import { addSample, type CoverageSample, coverageOf, lostBetween } from '../../../../agent/sources/firehose/coverage.ts'
import { addedSince, seriesOf } from '../../../../agent/sources/firehose/counter-series.ts'
import { bindingKeysOf } from '../../../../agent/sources/firehose/queue.ts'
import { createRateLimit } from '../../../../agent/sources/firehose/rate-limit.ts'
import { matchesTopic } from '../../../../agent/sources/firehose/topic-pattern.ts'
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
    ['a bomb of gzip', gzipSync(Buffer.alloc(64 * 2 ** 20)), { content_encoding: 'gzip' }],
    ['a bomb of deflate', deflateSync(Buffer.alloc(64 * 2 ** 20)), { content_encoding: 'deflate' }],
    ['a bomb of zstd', zstdCompressSync(Buffer.alloc(64 * 2 ** 20)), { content_encoding: 'zstd' }],
    ['what is not packed as it says', Buffer.from('plain'), { content_encoding: 'gzip' }],
    ['bytes', Buffer.from([1, 2, 3, 0, 255]), {}],
    ['a declared picture', Buffer.from('GIF89a'), { content_type: 'image/gif' }],
    ['text in an unknown charset', Buffer.from('abc'), { content_type: 'text/plain; charset=x-none' }],
  ])('%s has only its length and hash', (_, body, properties) => {
    expect(Object.keys(describeBody(body, properties))).toEqual(['bytes', 'hmac'])
  })

  test('a bomb costs no more memory than what may be unpacked', () => {
    const bomb = zstdCompressSync(Buffer.alloc(128 * 2 ** 20))
    expect(bomb.length).toBeLessThan(100_000)
    const before = process.memoryUsage().rss
    describeBody(bomb, { content_encoding: 'zstd' })
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
  })

  test('is read by its charset', () => {
    const korean = Buffer.from([0xb0, 0xa1, 0xb3, 0xaa])
    expect(describeBody(korean, { content_type: 'text/plain; charset=euc-kr' }).content).toBe('가나')
  })
})

describe('coverage', () => {
  const zero: CoverageSample = { atMs: 0, happened: 0, watched: 0, received: 0, waiting: 0, captured: 0 }
  const over = (change: Partial<CoverageSample>) => {
    const last = { ...zero, atMs: 1000, ...change }
    return { ratio: coverageOf([zero, last]), lost: lostBetween(zero, last) }
  }

  test('is one when each publish and delivery was captured', () => {
    expect(over({ happened: 200, watched: 200, received: 200, captured: 200 })).toEqual({ ratio: 1, lost: 0 })
  })

  test('tells what the broker dropped from what we did, from what waits, and from what nobody watched', () => {
    // 500 happened, 400 of them while the queue stood; we were given 300, 20 wait, and 100 arrived.
    expect(over({ happened: 500, watched: 400, received: 300, waiting: 20, captured: 100 })).toEqual({
      ratio: 0.2,
      lost: 80,
    })
  })

  test('says nothing of a handful', () => {
    expect(over({ happened: 5, watched: 5, received: 5, captured: 5 }).ratio).toBeUndefined()
    expect(coverageOf([])).toBeUndefined()
  })

  test('is never more than all: counters are read a moment before', () => {
    expect(over({ happened: 100, watched: 100, received: 110, captured: 110 })).toEqual({ ratio: 1, lost: 0 })
  })

  test('looks back five minutes', () => {
    const samples = addSample([zero, { ...zero, atMs: 100_000 }], { ...zero, atMs: 350_000 })
    expect(samples.map(({ atMs }) => atMs)).toEqual([100_000, 350_000])
  })
})

describe('what a node counted', () => {
  const text = [
    '# TYPE rabbitmq_detailed_exchange_messages_published_total counter',
    'rabbitmq_detailed_exchange_messages_published_total{vhost="/",exchange="shop.in"} 7',
    'rabbitmq_detailed_exchange_messages_published_total{vhost="/",exchange=""} 5',
    'rabbitmq_detailed_exchange_messages_published_total{vhost="other",exchange="shop.in"} 1000',
    'rabbitmq_detailed_exchange_messages_confirmed_total{vhost="/",exchange="shop.in"} 1000',
    String.raw`rabbitmq_detailed_queue_messages_delivered_ack_total{vhost="/",queue="say \"hi\", all"} 3`,
    'rabbitmq_detailed_queue_get_total{vhost="/",queue="shop.orders"} 2',
    'rabbitmq_detailed_queue_get_empty_total{vhost="/",queue="shop.orders"} 1000',
    'rabbitmq_detailed_queue_messages_delivered_ack_total{vhost="/",queue="mon.fh.x"} 1000',
  ].join('\n')
  const sumOf = (publish: string[], deliver: string[]) =>
    addedSince(new Map(), seriesOf(text, '/', { publish, deliver }))

  test.each([
    [['#'], ['#'], 17],
    [['shop.*'], [], 7],
    [['amq.default'], [], 5],
    [[], ['shop.#'], 2],
    [[], ['say "hi", all'], 3],
    [['none'], ['none'], 0],
  ])('publishes to %j and deliveries from %j: %i, its own queues left out', (publish, deliver, sum) => {
    expect(sumOf(publish, deliver)).toBe(sum)
  })

  test('adds what grew, the whole of what began or began anew, and forgets what is gone', () => {
    const before = new Map([
      ['grows', 10],
      ['restarts', 100],
      ['goes', 50],
    ])
    const after = new Map([
      ['grows', 12],
      ['restarts', 3],
      ['begins', 4],
    ])
    expect(addedSince(before, after)).toBe(2 + 3 + 4)
  })
})

test.each([
  ['#', '', true],
  ['*', '', true],
  ['*', 'a', true],
  ['*', 'a.b', false],
  ['a.*', 'a.b', true],
  ['a.#', 'a', true],
  ['a.#', 'a.b.c', true],
  ['#.c', 'a.b.c', true],
  ['#.c', 'a.b', false],
  ['a.#.d', 'a.d', true],
  ['a.*.d', 'a.d', false],
  ['a', 'b', false],
])('the pattern %s matches the name "%s": %s', (pattern, name, expected) => {
  expect(matchesTopic(pattern, name)).toBe(expected)
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
  expect(refusalOf(version, '/') !== undefined).toBe(isRefused)
})
