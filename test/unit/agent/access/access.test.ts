import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAccessLine } from '../../../../agent/parse/access/access.ts'

const purge =
  '127.0.0.1 - guest [22/Nov/2026:17:14:07 +0900] "DELETE /api/queues/%2f/hq/contents HTTP/1.1" 204 0 "" "curl/7.88.1"'

test('a line of the management API names user, address, request and answer, in UTC', () => {
  expect(parseAccessLine(purge)).toEqual({
    '@timestamp': '2026-11-22T08:14:07.000Z',
    event: { action: 'delete', outcome: 'success' },
    source: { ip: '127.0.0.1' },
    user: { name: 'guest' },
    http: { request: { method: 'DELETE' }, response: { status_code: 204, body: { bytes: 0 } } },
    url: { path: '/api/queues/%2f/hq/contents' },
    user_agent: { original: 'curl/7.88.1' },
  })
})

test.each([
  [
    'a refused request is a failure',
    '::1 - - [22/Nov/2026:17:14:07 +0000] "GET /api/overview?x=1 HTTP/1.1" 401 - "-" "-"',
    'failure',
    '/api/overview',
  ],
  [
    'a line without referer and agent is read',
    '10.0.0.1 - a [01/Jan/2026:00:00:00 -0500] "GET / HTTP/1.1" 200 5',
    'success',
    '/',
  ],
])('%s', (_, line, outcome, path) => {
  const fields = parseAccessLine(line)
  expect([fields?.event?.outcome, fields?.url?.path]).toEqual([outcome, path])
})

test.each(['', 'hello', '127.0.0.1 - guest [99/Foo/2026:17:14:07 +0000] "GET / HTTP/1.1" 200 0'])(
  '%s is none',
  (line) => {
    expect(parseAccessLine(line)).toBeUndefined()
  },
)

test('mutated lines never throw', () => {
  fc.assert(
    fc.property(fc.nat(purge.length), fc.string({ maxLength: 40 }), fc.nat(200), (at, text, times) => {
      parseAccessLine(purge.slice(0, at) + text.repeat(times) + purge.slice(at))
    }),
    { numRuns: 500 },
  )
})
