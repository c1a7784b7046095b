import { expect, test } from 'vitest'
import { joinAttribution } from '../../../../event/attribution.ts'
import { story } from './story.ts'

const deletion = (name = 'orders', user = 'app', vhost = '/') => ({ name, vhost, user_who_performed_action: user })

test('the one connection its user had open is named with address and client, and called no more than possible', () => {
  const { open, event } = story()
  const connection = open(0, 7, 'app')
  open(0, 8, 'other')
  const deleted = event(10, 'queue.deleted', deletion())
  expect(deleted).toMatchObject({
    user: { name: 'app' },
    source: { ip: '10.0.0.7', port: 5000 },
    client: { name: 'client-7' },
    rabbitmq: { connection, attribution: expect.stringMatching(/^unknown: over the one connection/) as string },
  })
  expect(deleted.rabbitmq?.candidates).toBeUndefined()
})

test('of several connections none is chosen: all are listed', () => {
  const { open, event } = story()
  const [first, second] = [open(0, 7, 'app'), open(1, 8, 'app')]
  const deleted = event(10, 'queue.deleted', deletion())
  expect(deleted.source).toBeUndefined()
  expect(deleted.rabbitmq?.connection).toBeUndefined()
  expect(deleted.rabbitmq?.candidates).toMatchObject([
    { connection: first, ip: '10.0.0.7', client: 'client-7' },
    { connection: second, ip: '10.0.0.8', client: 'client-8' },
  ])
  expect(deleted.rabbitmq?.attribution).toMatch(/^unknown: one of 2 connections/)
})

test.each([
  ['closed before', (s: ReturnType<typeof story>) => void (s.open(0, 7, 'app'), s.close(5, 7))],
  ['opened after', (s: ReturnType<typeof story>) => void s.open(20, 7, 'app')],
  ['in another vhost', (s: ReturnType<typeof story>) => void s.open(0, 7, 'app', '/elsewhere')],
  ['of another user', (s: ReturnType<typeof story>) => void s.open(0, 7, 'other')],
  [
    'without an open channel',
    (s: ReturnType<typeof story>) => {
      s.open(0, 7, 'app')
      s.event(5, 'channel.closed', { pid: s.pid(70) })
    },
  ],
])('a connection that was %s cannot have done it: then only an HTTP request can', (_, given) => {
  const told = story()
  given(told)
  const deleted = told.event(10, 'queue.deleted', deletion())
  expect(deleted.source).toBeUndefined()
  expect(deleted.rabbitmq?.attribution).toBe('http-api')
})

test('while older connections may be unknown nobody is named, and the reason is told', () => {
  const { open, event } = story({ isComplete: false })
  open(0, 7, 'app')
  const deleted = event(10, 'queue.deleted', deletion())
  expect(deleted.source).toBeUndefined()
  expect(deleted.rabbitmq?.candidates).toHaveLength(1)
  expect(deleted.rabbitmq?.attribution).toMatch(/^unknown: connections opened before/)
})

test.each([
  ['rmq-cli', 'cli'],
  ['rmq-internal', 'broker'],
  ['cli_user', 'cli'],
  ['internal_user', 'broker'],
])('%s is the way %s, whoever has connections open', (user, way) => {
  const { open, event } = story()
  open(0, 7, user)
  expect(event(10, 'queue.deleted', deletion('orders', user)).rabbitmq?.attribution).toBe(way)
})

test.each([
  ['user.created', { name: 'eve' }],
  ['permission.created', { user: 'eve', configure: '.*' }],
  ['policy.set', { name: 'ttl', pattern: '.*' }],
  ['vhost.deleted', { name: 'shop' }],
])('%s by a person is an HTTP request: no connection can do it', (key, headers) => {
  const { open, event } = story()
  open(0, 7, 'app')
  const told = event(10, key, { ...headers, user_who_performed_action: 'app' })
  expect(told.rabbitmq?.attribution).toBe('http-api')
  expect(told.source).toBeUndefined()
})

test('a pid proves who consumes and who owns an exclusive queue, though others have connections too', () => {
  const { open, event, pid } = story()
  const connection = open(0, 7, 'app')
  open(0, 8, 'app')
  const declared = event(5, 'queue.created', { ...deletion('mine'), exclusive: true, owner_pid: pid(7) })
  const consumed = event(6, 'consumer.created', { queue: 'mine', consumer_tag: 'c', channel: pid(70) })
  for (const told of [declared, consumed])
    expect(told).toMatchObject({ source: { ip: '10.0.0.7' }, rabbitmq: { connection, attribution: 'amqp' } })
  expect(consumed.rabbitmq?.channel).toBe(1)
})

test('a deleted queue tells what it was, and the broker’s own deletion why', () => {
  const { open, event, pid } = story()
  const connection = open(0, 7, 'app')
  event(1, 'queue.created', { ...deletion('mine'), durable: false, exclusive: true, owner_pid: pid(7), arguments: [] })
  event(2, 'consumer.created', { queue: 'mine', consumer_tag: 'c', channel: pid(70) })
  const deleted = event(9, 'queue.deleted', deletion('mine', 'rmq-internal'))
  expect(deleted.rabbitmq).toMatchObject({
    attribution: 'broker',
    durable: false,
    exclusive: true,
    consumers_seen: 1,
    connection,
    reason: 'exclusive: its connection closed',
  })
})

test('closed connections and channels tell whose they were', () => {
  const { open, event, close, pid } = story()
  const connection = open(0, 7, 'app')
  const channel = event(5, 'channel.closed', { pid: pid(70) })
  expect(channel).toMatchObject({ user: { name: 'app' }, rabbitmq: { connection, channel: 1 } })
  expect(close(6, 7)).toMatchObject({ user: { name: 'app' }, source: { ip: '10.0.0.7' }, client: { name: 'client-7' } })
})

test('an access line written a second later names the deed by its id, and readers see the request’s address', () => {
  const { open, event, access } = story()
  open(0, 7, 'app')
  const deleted = event(500, 'queue.deleted', deletion('a/b'))
  const evidence = access(1000, 'app', 'DELETE /api/queues/%2F/a%2Fb')
  expect(evidence).toMatchObject([
    {
      event: { dataset: 'rabbitmq.attribution' },
      related: { id: deleted.event.id },
      source: { ip: '10.0.0.99' },
    },
  ])
  expect(evidence[0]?.amqp, 'a second operation would count the deed twice').toBeUndefined()
  const [joined, ...more] = joinAttribution([deleted, ...evidence])
  expect(more).toEqual([])
  expect(joined).toMatchObject({
    source: { ip: '10.0.0.99' },
    rabbitmq: { attribution: 'http-api', queue: 'a/b' },
    user_agent: { original: 'curl/7.88.1' },
  })
  expect(joined?.rabbitmq?.connection, 'the connection that was only possible').toBeUndefined()
})

test('an access line of another node names the deed by operation, object, user and time', () => {
  const here = story()
  const elsewhere = story()
  const deleted = here.event(500, 'queue.deleted', deletion())
  const other = here.event(600, 'queue.deleted', deletion('others'))
  const evidence = elsewhere.access(1000, 'app', 'DELETE /api/queues/%2F/orders')
  expect(evidence[0]?.related).toMatchObject({ operation: ['queue.delete'] })
  expect(evidence[0]?.related?.id).toBeUndefined()
  const joined = joinAttribution([deleted, other, ...evidence])
  expect(joined.map(({ source }) => source?.ip)).toEqual(['10.0.0.99', undefined])
})

test('an access line read before its event is joined when the event comes', () => {
  const { event, access } = story()
  access(1000, 'app', 'DELETE /api/queues/%2F/orders')
  const deleted = event(500, 'queue.deleted', deletion())
  expect(deleted).toMatchObject({ source: { ip: '10.0.0.99' }, rabbitmq: { attribution: 'http-api' } })
})

test('one request that makes a user and sets tags explains both deeds', () => {
  const { event, access } = story()
  const by = { name: 'eve', user_who_performed_action: 'admin' }
  const created = event(100, 'user.created', by)
  const tags = event(101, 'user.tags.set', { ...by, tags: ['monitoring'] })
  const evidence = access(900, 'admin', 'PUT /api/users/eve', 201)
  expect(evidence.map(({ related }) => related?.id)).toEqual([created.event.id, tags.event.id, undefined])
  expect(evidence[2]?.related?.operation, 'the password may have been set elsewhere').toEqual(['user.password'])
  expect(new Set(evidence.map(({ event: { id } }) => id)).size).toBe(3)
})

test('so does a request that is read before them, and one of another node', () => {
  const by = { name: 'eve', user_who_performed_action: 'admin' }
  const request = [900, 'admin', 'PUT /api/users/eve', 201] as const
  const deeds = ({ event }: ReturnType<typeof story>) => [
    event(100, 'user.created', by),
    event(101, 'user.tags.set', { ...by, tags: ['monitoring'] }),
  ]
  const here = story()
  here.access(...request)
  const joined = joinAttribution([...deeds(story()), ...story().access(...request)])
  for (const told of [deeds(here), joined])
    expect(told.map(({ source }) => source?.ip)).toEqual(['10.0.0.99', '10.0.0.99'])
})

test.each([
  ['a reading', 'GET /api/queues/%2F/orders', 200],
  ['a refusal', 'DELETE /api/queues/%2F/orders', 401],
  ['a declaration of what is there', 'PUT /api/queues/%2F/orders', 204],
  ['a malformed name', 'DELETE /api/queues/%2F/%zz', 204],
  ['another path', 'DELETE /queues/%2F/orders', 204],
])('%s is evidence of nothing', (_, request, status) => {
  expect(story().access(1000, 'app', request, status)).toEqual([])
})

test('a purge, which no event tells, is an operation with who and from where; the same line has the same id', () => {
  const [purged, ...more] = story().access(1000, 'alice', 'DELETE /api/queues/%2F/order%20s/contents')
  expect(more).toEqual([])
  expect(purged).toMatchObject({
    event: { dataset: 'rabbitmq.event', action: 'queue.purged' },
    amqp: { operation: 'queue.purge' },
    message: "queue 'order s' purged in vhost '/' by 'alice'",
    user: { name: 'alice' },
    source: { ip: '10.0.0.99' },
    rabbitmq: { vhost: '/', queue: 'order s', attribution: 'http-api' },
  })
  const again = story().access(1000, 'alice', 'DELETE /api/queues/%2F/order%20s/contents')
  expect(again[0]?.event.id).toBe(purged?.event.id)
})

test('on a single node, an access log read past a deed proves that it came over a connection', () => {
  const { correlator, open, event, access } = story()
  correlator.isSingleNode = true
  const connection = open(0, 7, 'app')
  access(100, 'mon', 'GET /api/overview', 200)
  const deleted = event(500, 'queue.deleted', deletion())
  expect(access(2900, 'mon', 'GET /api/overview', 200), 'too early to say').toEqual([])
  const evidence = access(4100, 'mon', 'GET /api/overview', 200)
  expect(evidence).toMatchObject([{ related: { id: deleted.event.id }, rabbitmq: { attribution: 'amqp' } }])
  expect(joinAttribution([deleted, ...evidence])[0]).toMatchObject({
    source: { ip: '10.0.0.7' },
    rabbitmq: { attribution: 'amqp', connection },
  })
  expect(access(9000, 'mon', 'GET /api/overview', 200), 'said once').toEqual([])
})

test('an HTTP request outweighs the absence of one, in whatever order they are read', () => {
  const { correlator, open, event, access } = story()
  correlator.isSingleNode = true
  open(0, 7, 'app')
  access(100, 'mon', 'GET /api/overview', 200)
  const deleted = event(500, 'queue.deleted', deletion())
  const late = [
    ...access(4100, 'mon', 'GET /api/overview', 200),
    ...access(1000, 'app', 'DELETE /api/queues/%2F/orders'),
  ]
  for (const pieces of [late, late.toReversed()])
    expect(joinAttribution([deleted, ...pieces])[0]?.rabbitmq?.attribution).toBe('http-api')
})

test('the log line of a closed connection gives the reason that its event lacks', () => {
  const { open, close, log } = story()
  const connection = open(0, 7, 'app')
  const closed = close(1000, 7)
  const { derived } = log(
    1001,
    `closing AMQP connection <0.7.0> (${connection} - client-7, vhost: '/', user: 'app'):\nmissed heartbeats from client, timeout: 60s`,
  )
  expect(derived[0]?.related?.id).toBe(closed.event.id)
  expect(joinAttribution([closed, ...derived])[0]?.rabbitmq).toMatchObject({
    reason: 'missed-heartbeats',
    attribution: 'broker',
  })
})

test('a line that names no connection is joined by the pid that wrote it, within that connection’s life', () => {
  const { open, log } = story()
  const connection = open(1000, 7, 'app')
  const text = "PLAIN login refused: user 'app' - invalid credentials"
  const own = { rabbitmq: { pid: '<0.7.0>' } }
  expect(log(2000, text, own).event).toMatchObject({ source: { ip: '10.0.0.7' }, rabbitmq: { connection } })
  expect(log(2000, text, { rabbitmq: { pid: '<0.70.0>' } }).event.rabbitmq?.connection, 'by its channel’s').toBe(
    connection,
  )
  const earlier = log(-60_000, text, { rabbitmq: { pid: '<0.7.0>' } }).event
  expect(earlier.rabbitmq?.connection, 'pids are used again').toBeUndefined()
})

test('a message that is delivered again tells the same as the first time', () => {
  const { event } = story()
  event(0, 'queue.created', { ...deletion(), durable: true, arguments: [] })
  const first = event(500, 'queue.deleted', deletion())
  expect(event(500, 'queue.deleted', deletion(), true)).toEqual(first)
})

test('connections on the broker’s list count as known, those missing from it as over', () => {
  const { correlator, open, event } = story({ isComplete: false })
  open(0, 7, 'app')
  const nowMs = Date.parse('2026-11-22T17:14:10Z')
  const listed = { name: '10.0.0.9:1 -> 10.0.0.1:5672', user: 'app', vhost: '/', ip: '10.0.0.9', openedMs: nowMs - 1e6 }
  correlator.reconcile([{ ...listed, channels: 2 }], nowMs)
  expect(event(11_000, 'queue.deleted', deletion())).toMatchObject({ source: { ip: '10.0.0.9' } })
})

test('what is kept stays bounded under ever new connections, and nobody is named once some were forgotten', () => {
  const { correlator, event } = story()
  const one = { user: 'app', user_who_performed_action: 'app', protocol: '{1,0}' }
  for (let n = 0; n <= 50_000; n++)
    correlator.connections.open({ name: `c${n}`, user: 'app', openedMs: 0, channels: 1, protocol: one.protocol })
  expect(correlator.connections.size).toBe(50_000)
  expect(event(10, 'queue.deleted', deletion()).rabbitmq?.attribution).toMatch(/^unknown: connections/)
})
