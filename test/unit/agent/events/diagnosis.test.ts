import { expect, test } from 'vitest'
import { createDiagnosis, HeldTooLong } from '../../../../agent/sources/events/diagnosis.ts'
import { UnavailableError } from '../../../../runtime/errors.ts'

const account = { user: 'mon', vhost: '/', queue: 'mon.events' }
const drained = new Error(
  'Connection closed: 320 (CONNECTION-FORCED) with message "Node was put into maintenance mode"',
)
const refused = new UnavailableError('RabbitMQ', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))

test('a drained node stays drained while it refuses connections, and no longer once it was back', () => {
  const diagnosis = createDiagnosis(account)
  const reasons = [diagnosis.of(drained), diagnosis.of(refused)].map(({ reason }) => reason)
  diagnosis.recovered()
  expect([...reasons, diagnosis.of(refused).reason]).toEqual(['drained', 'drained', 'unreachable'])
})

test('another cause than a refused connection replaces it', () => {
  const diagnosis = createDiagnosis(account)
  diagnosis.of(drained)
  expect(diagnosis.of(new Error("NOT_FOUND - no exchange 'amq.rabbitmq.event' in vhost '/'")).reason).toBe(
    'plugin-missing',
  )
  expect(diagnosis.of(refused).reason).toBe('unreachable')
})

test('a transport that takes nothing is no fault of the broker', () => {
  const { reason, detail } = createDiagnosis(account).of(new HeldTooLong(300_000))
  expect([reason, detail]).toEqual([
    'transport-away',
    "the transport took no events for 300 s: they wait in the broker's queue, and are read again",
  ])
})
