import { errors, type Client } from '@elastic/elasticsearch'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { UnavailableError } from '../../../../runtime/errors.ts'
import { createMetrics } from '../../../../runtime/metrics.ts'
import { createRequests } from '../../../../storage/elasticsearch/requests.ts'

/** As the client fails: with the whole request in its hands. */
function failing(message: string): Client {
  const request = { headers: { authorization: 'ApiKey c2VjcmV0' }, body: Buffer.from('an event') }
  const meta = { meta: { request: { params: request } } } as never
  const options = { redaction: { type: 'off' } } as const
  const fail = () => Promise.reject(new errors.ConnectionError(message, meta, options))
  return { transport: { request: fail } } as unknown as Client
}

test.each([
  ['is away', new AbortController().signal, 'ECONNREFUSED'],
  ['is let go of', AbortSignal.abort(), 'AbortError'],
])('what fails while the server %s holds neither credentials nor events', async (_, signal, why) => {
  const stopping = new AbortController().signal
  const client = failing('connect ECONNREFUSED')
  const requests = createRequests({ client, metrics: createMetrics(), stopping, limitMs: 10_000 })
  const error = await requests.send('bulk', { method: 'POST', path: '/_bulk' }, signal).catch((cause: unknown) => cause)
  const told = inspect(error, { depth: Infinity })
  expect(told).toContain(why)
  expect(told).not.toMatch(/c2VjcmV0|authorization|Buffer/)
  expect(error instanceof UnavailableError).toBe(!signal.aborted)
})
