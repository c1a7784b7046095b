import { expect, test } from 'vitest'
import { createDeriver } from '../../../../agent/correlate/deriver.ts'
import type { ThumpEvent } from '../../../../event/event.ts'

function access(method: string, path: string, status = 204): ThumpEvent {
  return {
    '@timestamp': '2026-11-22T17:14:07.000Z',
    event: { id: 'line-1', dataset: 'rabbitmq.access' },
    message: 'the line',
    service: { type: 'rabbitmq' },
    agent: { id: 'a', version: '0' },
    log: { file: { path: '/var/log/access.log' }, offset: 7 },
    user: { name: 'alice' },
    source: { ip: '10.0.0.9' },
    http: { request: { method }, response: { status_code: status } },
    url: { path },
  }
}
const deriver = createDeriver({ identity: { keyNode: () => 'rabbit@mq1' } })

test('a purge by the management API is an operation, with who and from where', () => {
  const [derived, ...more] = deriver.derive(access('DELETE', '/api/queues/%2F/order%20s/contents'))
  expect(more).toEqual([])
  expect(derived).toMatchObject({ topic: 'AMQP', key: 'rabbit@mq1/var/log/access.log' })
  expect(derived?.event).toMatchObject({
    amqp: { operation: 'queue.purge' },
    message: "queue 'order s' purged in vhost '/' by 'alice'",
    user: { name: 'alice' },
    source: { ip: '10.0.0.9' },
    rabbitmq: { vhost: '/', queue: 'order s', attribution: 'http-api' },
    related: { id: 'line-1' },
  })
  expect(derived?.event.event.id).not.toBe('line-1')
})

test.each([
  ['a deletion, which the event exchange tells', access('DELETE', '/api/queues/%2F/orders')],
  ['a refused purge', access('DELETE', '/api/queues/%2F/orders/contents', 401)],
  ['a reading', access('GET', '/api/queues/%2F/orders/contents', 200)],
  ['a malformed name', access('DELETE', '/api/queues/%2F/%zz/contents')],
])('%s is not', (_, event) => {
  expect(deriver.derive(event)).toEqual([])
})

test('the same line gives the same id again', () => {
  const id = () => deriver.derive(access('DELETE', '/api/queues/%2F/q/contents'))[0]?.event.event.id
  expect(id()).toBe(id())
})
