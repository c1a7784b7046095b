import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCombinedLine } from '../../../../agent/parse/access/combined.ts'

const nginx =
  '203.0.113.9 - - [22/Nov/2026:17:14:07 +0900] "GET /img/a.png?v=2 HTTP/1.1" 404 153 "https://shop.example/" "Mozilla/5.0"'
const squid =
  '1795337647.123    85 203.0.113.9 TCP_MEM_HIT/200 20480 GET http://cdn.example/img/a.png?v=2 - NONE/- image/png'

const told = (line: string) => {
  const fields = parseCombinedLine(line)
  const { response } = fields?.http ?? {}
  return [response?.status_code, response?.body?.bytes, fields?.event?.duration, response?.cache, fields?.url?.path]
}
const ms = 1_000_000

test.each([
  ['nginx’s combined as it is', nginx, [404, 153, undefined, undefined, '/img/a.png']],
  ['nginx with request time and cache result', `${nginx} 0.005 MISS`, [404, 153, 5 * ms, 'miss', '/img/a.png']],
  ['the same as key=value', `${nginx} rt=1.250 urt="1.240" cs=STALE`, [404, 153, 1250 * ms, 'stale', '/img/a.png']],
  ['no cache asked', `${nginx} 0.001 -`, [404, 153, ms, undefined, '/img/a.png']],
  [
    'Traffic Server’s combined with time and code',
    `${nginx} 12 TCP_REFRESH_HIT`,
    [404, 153, 12 * ms, 'refresh_hit', '/img/a.png'],
  ],
  ['a whole number of nobody knows what', `${nginx} 12`, [404, 153, undefined, undefined, '/img/a.png']],
  ['Traffic Server’s squid format', squid, [200, 20480, 85 * ms, 'mem_hit', '/img/a.png']],
])('%s', (_, line, expected) => {
  expect(told(line)).toEqual(expected)
})

test('the squid format tells when, who and what', () => {
  expect(parseCombinedLine(squid)).toMatchObject({
    '@timestamp': '2026-11-22T08:54:07.123Z',
    source: { ip: '203.0.113.9' },
    event: { action: 'get', outcome: 'success' },
  })
})

test.each(['', 'hello', '1795337647.123 x', '9 9 9 9 9'])('“%s” is none', (line) => {
  expect(parseCombinedLine(line)).toBeUndefined()
})

test('mutated lines never throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(`${nginx} 0.005 MISS`, squid),
      fc.nat(200),
      fc.string(),
      fc.nat(500),
      (line, at, text, times) => {
        parseCombinedLine(line.slice(0, at) + text.repeat(times) + line.slice(at))
      },
    ),
    { numRuns: 300 },
  )
})
