import fc from 'fast-check'
import { expect, test } from 'vitest'
import { connectionContext } from '../../../../agent/parse/catalogue/connection-context.ts'
import { entries } from '../../../../agent/parse/catalogue/entries.ts'
import { recognise } from '../../../../agent/parse/catalogue/recognise.ts'

test('every one of the 56 kinds of message has at least one row', () => {
  const numbers = new Set(entries.map(({ entry }) => entry))
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 56 }, (_, index) => index + 1))
})

test.each(entries.map(({ code, sample }) => [code, sample] as const))(
  '%s is recognised in its sample: %s',
  (code, sample) => {
    expect(recognise(sample)?.code).toBe(code)
  },
)

// Which rows may match is remembered by a line's shape, its numbers levelled: a hint must not hang on a digit.
test.each(entries)('the hint of row $entry $code has no digit', ({ hint }) => {
  expect(hint).not.toMatch(/\d/)
})

test.each(entries)('a match of row $entry $code contains its hint', ({ sample, hint, pattern }) => {
  expect(pattern.test(sample)).toBe(true)
  expect(sample).toContain(hint)
})

test.each([
  'accepting AMQP connection <0.620.0> (127.0.0.1:52771 -> 127.0.0.1:5672)',
  "connection 127.0.0.1:41060 -> 127.0.0.1:5774 - logs: user 'guest' authenticated and granted access to vhost '/'",
  'Server startup complete; 4 plugins started.',
  '',
])('an unknown line stays unknown: %s', (line) => {
  expect(recognise(line)).toBeUndefined()
})

test('a memory alarm is about the node it names', () => {
  expect(recognise('memory resource limit alarm set on node rabbit@mq2.')?.fields.service?.node.name).toBe('rabbit@mq2')
})

test.each([
  "memory resource limit alarm set on node 'rabbit@mq2'.",
  "memory resource limit alarm cleared on node 'rabbit@mq2'",
  'memory resource limit alarm cleared for dead node rabbit@mq2',
  "disk resource limit alarm set on node 'rabbit@mq2'.",
  "disk resource limit alarm cleared on node 'rabbit@mq2'",
])('an alarm and its end are about the same node, quoted or not: %s', (line) => {
  expect(recognise(line)?.fields.service?.node.name).toBe('rabbit@mq2')
})

test.each(["rabbit on node 'rabbit@mq2' down", 'node rabbit@mq2 down: net_tick_timeout', "node 'rabbit@mq2' up"])(
  'a peer’s name has no quotes: %s',
  (line) => {
    expect(recognise(line)?.fields.rabbitmq?.['peer_node']).toBe('rabbit@mq2')
  },
)

test('most kinds of message have a sample that a broker wrote', () => {
  const kinds = new Set(entries.map(({ entry }) => entry))
  const recorded = new Set(entries.filter(({ isComposed }) => !isComposed).map(({ entry }) => entry))
  expect(recorded.size).toBeGreaterThanOrEqual(36)
  expect(kinds.size).toBe(56)
})

test('a refused login names user, address and reason', () => {
  const found = recognise(
    "Error on AMQP connection <0.5935.0> (10.1.2.3:54668 -> 10.0.0.1:5672, state: starting):\nPLAIN login refused: user 'nouser' - invalid credentials",
  )
  expect(found).toEqual({
    code: 'login-refused',
    category: ['authentication'],
    outcome: 'failure',
    fields: {
      user: { name: 'nouser' },
      source: { ip: '10.1.2.3', port: 54668 },
      rabbitmq: { connection: '10.1.2.3:54668 -> 10.0.0.1:5672', mechanism: 'PLAIN', reason: 'invalid credentials' },
    },
  })
})

test('a channel error names operation, queue, user, vhost and channel', () => {
  const found = recognise(
    "Channel error on connection <0.1.0> (127.0.0.1:41060 -> 127.0.0.1:5774 - shop, vhost: '/', user: 'app'), channel 3:\noperation basic.consume caused a channel exception not_found: no queue 'missing' in vhost '/'",
  )
  expect(found?.fields).toMatchObject({
    user: { name: 'app' },
    client: { name: 'shop' },
    rabbitmq: { operation: 'basic.consume', queue: 'missing', vhost: '/', channel: 3 },
  })
})

test('a client cannot lend itself another user by its name', () => {
  const line =
    "closing AMQP connection <0.1.0> (10.0.0.9:1 -> 10.0.0.1:5672 - x, vhost: '/', user: 'admin'), vhost: '/real', user: 'mallory'):"
  expect(connectionContext(line)).toMatchObject({ user: 'mallory', vhost: '/real', ip: '10.0.0.9' })
})

test('mutated messages never throw and end in time', () => {
  const samples = entries.map(({ sample }) => sample)
  const mutation = fc.tuple(
    fc.constantFrom(...samples),
    fc.constantFrom(...samples),
    fc.nat(200),
    fc.integer({ min: 0, max: 400 }),
  )
  const started = performance.now()
  fc.assert(
    fc.property(mutation, ([a, b, cut, times]) => {
      recognise(`${a.slice(cut)}${b.slice(0, cut).repeat(times)}${a}`)
    }),
    { numRuns: 300 },
  )
  expect(performance.now() - started).toBeLessThan(5000)
})
