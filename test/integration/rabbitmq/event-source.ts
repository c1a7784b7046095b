import type { EventsDeps } from '../../../agent/sources/events/contract.ts'
import { createEventsSource } from '../../../agent/sources/events/events.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import type { SharedRabbit } from '../../servers/shared.ts'
import { api, collector, testIdentity, unique } from './harness.ts'

type Request = Partial<EventsDeps> & { queue?: string; account?: readonly [name: string, password: string] }

/** The event source on its own; what it emits is kept, and it is stopped, its queue gone, by `cleanups`. */
export async function startWatching(
  rabbit: SharedRabbit,
  cleanups: Array<() => Promise<unknown>>,
  { queue = unique('mon.test-'), account: [username, password] = ['guest', 'guest'], ...changes }: Request = {},
) {
  const sink = collector()
  const identity = testIdentity()
  const source = createEventsSource({
    amqp: { url: [rabbit.amqpUrl], username, password: new Secret(password) },
    events: { vhost: '/', queue, maxLength: 1000 },
    identity,
    emit: sink.emit,
    log: silentLogger,
    metrics: createMetrics(),
    now: Date.now,
    backoff: { baseMs: 50, maxMs: 200 },
    ...changes,
  })
  const started = await source.start()
  cleanups.push(() => api(rabbit).call('DELETE', `/queues/%2F/${queue}`))
  cleanups.push(() => started.stop())
  const ready = () => eventually(() => started.value.ready().ok, { what: 'the source ready' })
  return { sink, identity, started, queue, ready }
}
