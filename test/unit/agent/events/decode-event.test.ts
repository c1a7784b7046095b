import { expect, test } from 'vitest'
import { decodeEvent } from '../../../../agent/sources/events/decode-event.ts'

const identity = { agentId: 'agent', agentVersion: '0', hostName: 'mq1', cluster: () => 'orders' }
const own = { users: new Set(['mon']), queuePrefix: 'mon.' }

function decode(routingKey: string, headers: Record<string, unknown>) {
  const decoded = decodeEvent(
    { routingKey, headers: { timestamp_in_ms: 1_700_000_000_123, ...headers } },
    identity,
    own,
    0,
  )
  if (decoded.kind !== 'event') throw new Error(`dropped: ${decoded.reason}`)
  return decoded.event
}

test('statistics and the broker’s own parameters are dropped with a reason', () => {
  expect(decodeEvent({ routingKey: 'node.node.stats', headers: {} }, identity, own, 0)).toEqual({
    kind: 'drop',
    reason: 'statistics',
  })
  expect(
    decodeEvent(
      { routingKey: 'parameter.set', headers: { component: 'exchange-delete-in-progress' } },
      identity,
      own,
      0,
    ),
  ).toEqual({ kind: 'drop', reason: 'broker-noise' })
})

test.each([
  ['queue', 'queue.bind'],
  ['exchange', 'exchange.bind'],
])('a binding to a %s is %s', (destination_kind, operation) => {
  const event = decode('binding.created', {
    source_name: 'amq.topic',
    destination_kind,
    destination_name: 'd',
    routing_key: '',
    vhost: '/',
  })
  expect(event.amqp?.operation).toBe(operation)
  expect(event.rabbitmq?.routing_keys).toEqual([''])
})

test('the password of a shovel’s address never leaves, wherever it stands', () => {
  const event = decode('parameter.set', {
    component: 'shovel',
    name: 'move',
    vhost: '/',
    value: [
      '{<<"src-uri">>,longstr,<<"amqp://app:hunter2@10.0.0.1/%2f">>}',
      '{<<"dest-uri">>,longstr,<<"amqps://b:hunter2@h">>}',
    ],
  })
  expect(JSON.stringify(event)).not.toContain('hunter2')
  expect(event.rabbitmq).toMatchObject({
    parameter: 'move',
    arguments: { component: 'shovel', value: { 'src-uri': 'amqp://app:***@10.0.0.1/%2f' } },
  })
})

test('a refused login’s reason is read from character codes', () => {
  const event = decode('user.authentication.failure', {
    name: 'bob',
    error: [110, 111],
    peer_host: '{10,0,0,9}',
    peer_port: 4000,
  })
  expect(event).toMatchObject({
    user: { name: 'bob' },
    source: { ip: '10.0.0.9', port: 4000 },
    event: { outcome: 'failure' },
    rabbitmq: { reason: 'no' },
  })
})

test('a password change of Thump’s own account is not hidden, its connections are', () => {
  expect(decode('user.password.changed', { name: 'mon', user_who_performed_action: 'mallory' }).tags).toBeUndefined()
  expect(decode('connection.created', { user: 'mon', name: '127.0.0.1:1 -> 127.0.0.1:2' }).tags).toEqual([
    'thump-internal',
  ])
})

test('the order of headers does not change the id, their content does', () => {
  const id = (headers: Record<string, unknown>) => decode('queue.deleted', headers).event.id
  expect(id({ name: 'q', vhost: '/' })).toBe(id({ vhost: '/', name: 'q' }))
  expect(id({ name: 'q', vhost: '/' })).not.toBe(id({ name: 'q', vhost: 'other' }))
})

test.each([
  ['rmq-cli', 'cli'],
  ['rmq-internal', 'broker'],
  ['alice', undefined],
])('what %s did came by way of %s', (user, way) => {
  expect(
    decode('queue.deleted', { name: 'q', vhost: '/', user_who_performed_action: user }).rabbitmq?.attribution,
  ).toBe(way)
})
