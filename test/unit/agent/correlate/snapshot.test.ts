import { expect, test } from 'vitest'
import { restoreSnapshot, takeSnapshot } from '../../../../agent/correlate/snapshot.ts'
import { story } from './story.ts'

const by = { vhost: '/', user_who_performed_action: 'app' }

test('after a stop in order the next agent knows what the last one knew', () => {
  const before = story()
  const connection = before.open(0, 7, 'app')
  before.event(1, 'queue.created', { ...by, name: 'orders', durable: true, arguments: [] })
  const after = story({ isComplete: false })
  expect(restoreSnapshot(after.correlator, JSON.parse(takeSnapshot(before.correlator, true)))).toBe(true)
  expect(after.event(10, 'queue.deleted', { ...by, name: 'orders' })).toMatchObject({
    source: { ip: '10.0.0.7' },
    rabbitmq: { connection, durable: true },
  })
  expect(after.event(11, 'channel.closed', { pid: after.pid(70) }).user?.name).toBe('app')
})

test('after a kill nobody is named until the broker’s list has been read', () => {
  const before = story()
  before.open(0, 7, 'app')
  const after = story({ isComplete: false })
  restoreSnapshot(after.correlator, JSON.parse(takeSnapshot(before.correlator, false)))
  const deleted = after.event(10, 'queue.deleted', { ...by, name: 'orders' })
  expect(deleted.source).toBeUndefined()
  expect(deleted.rabbitmq?.candidates).toHaveLength(1)
})

test.each([
  undefined,
  null,
  7,
  'x',
  {},
  { isClean: true },
  { isClean: true, connections: [{}], channels: [], queues: [] },
])('a file that is no snapshot (%j) is as none', (content) => {
  expect(restoreSnapshot(story().correlator, content)).toBe(false)
})
