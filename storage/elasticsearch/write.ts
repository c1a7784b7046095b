import { RejectedError, UnavailableError } from '../../runtime/errors.ts'
import type { EventStore, Outcome, StoreItem } from '../storage.ts'
import { bulkBody } from './bulk-body.ts'
import { indexName } from './index-name.ts'
import { type BulkItem, toOutcome } from './outcome.ts'
import type { Requests } from './requests.ts'

/** Refusals of a whole bulk that one of its items, or its size, brings about. Any other speaks of the installation. */
const splitting = new Set(['too-large', 'action_request_validation_exception'])

const maxSpares = 8
const maxSpareBytes = 8 * 2 ** 20
const whole = ({ buffer }: Buffer) => Buffer.from(buffer)

/** Writes with `create`, the event's id and its own day: writing anything again is harmless. */
export function createWrite(requests: Requests, prefix: string): EventStore['write'] {
  // Megabytes a bulk: made anew each time they would be most of what the garbage collector has to do.
  const spares: Buffer[] = []
  const indexOf = ({ topic, atMs }: StoreItem) => indexName(prefix, topic, atMs)
  const write = async (items: readonly StoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    const body = bulkBody(items, indexOf, spares.pop())
    try {
      const answer = await requests.send<{ readonly items: ReadonlyArray<{ create: BulkItem }> }>(
        'bulk',
        {
          method: 'POST',
          path: '/_bulk',
          querystring: { filter_path: 'items.create.status,items.create.error' },
          bulkBody: body,
        },
        signal,
        ({ items: answers }) => (answers as unknown[] | undefined)?.length === items.length,
      )
      // Only now: of a request that failed, bytes may still be on their way.
      if (spares.length < maxSpares && body.length <= maxSpareBytes) spares.push(whole(body))
      return answer.items.map(({ create }) => toOutcome(create))
    } catch (cause) {
      if (!(cause instanceof RejectedError)) throw cause
      if (!splitting.has(cause.reason)) throw new UnavailableError('Elasticsearch', cause)
      // One item, as too long an id, makes the server refuse all of them: halves, until that one stands alone.
      if (items.length === 1) return [{ kind: 'reject', reason: cause.reason, error: cause.message }]
      const half = Math.ceil(items.length / 2)
      return [...(await write(items.slice(0, half), signal)), ...(await write(items.slice(half), signal))]
    }
  }
  return (items, signal) => (items.length === 0 ? Promise.resolve([]) : write(items, signal))
}
