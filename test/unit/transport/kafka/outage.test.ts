import { expect, test } from 'vitest'
import { UnavailableError } from '../../../../runtime/errors.ts'
import { createLogger, type LogLevel } from '../../../../runtime/log.ts'
import { Outage, OutageLog } from '../../../../transport/kafka/outage.ts'

interface Line {
  readonly msg: string
}

function observed(level: LogLevel = 'info') {
  const told: Line[] = []
  const clock = { ms: 1000 }
  const destination = { write: (line: string) => void told.push(JSON.parse(line) as Line) }
  const log = new OutageLog(createLogger({ level, format: 'json', colour: false, destination }), () => clock.ms)
  return { told, clock, log, words: () => told.map(({ msg }) => msg) }
}

const away = new UnavailableError('kafka', new Error('connect ECONNREFUSED'))

test('a failure is told once with its reason and no stack, and its end once with how long it lasted', () => {
  const { told, clock, log } = observed()
  const outage = new Outage(log)
  for (let count = 0; count < 5; count++) outage.failed('APP-0', away)
  clock.ms += 90_000
  outage.worked('APP-0')
  outage.worked('APP-0')
  expect(told).toMatchObject([
    { msg: 'kafka is unavailable, retrying', place: 'APP-0', reason: 'connect ECONNREFUSED' },
    { msg: 'kafka recovered', failures: 5, lastedMs: 90_000 },
  ])
  expect(JSON.stringify(told)).not.toContain('stack')
})

test('each failure with its stack is told to who asks for details', () => {
  const { told, log } = observed('debug')
  const outage = new Outage(log)
  for (let count = 0; count < 3; count++) outage.failed('APP-0', away)
  expect(told.filter(({ msg }) => msg === 'a call to kafka failed')).toHaveLength(3)
  expect(JSON.stringify(told)).toContain('outage.test.ts')
})

test('what works elsewhere does not end it', () => {
  const { log, words } = observed()
  const outage = new Outage(log)
  outage.failed('APP-0', away)
  outage.failed('group', away)
  outage.worked('APP-1')
  outage.worked('group')
  expect([outage.isOn, words()]).toEqual([true, ['kafka is unavailable, retrying']])
  outage.worked('APP-0')
  expect([outage.isOn, words().length]).toEqual([false, 2])
})

test('producer and consumer of one process tell it once, and each knows for itself whether it works', () => {
  const { log, words } = observed()
  const [producer, consumer] = [new Outage(log), new Outage(log)]
  producer.failed('metadata', away)
  consumer.failed('metadata', away)
  consumer.worked('metadata')
  expect([producer.isOn, consumer.isOn, words()]).toEqual([true, false, ['kafka is unavailable, retrying']])
  producer.worked('metadata')
  expect(words()).toEqual(['kafka is unavailable, retrying', 'kafka recovered'])
})

test('who is closed while it fails holds no later outage back', () => {
  const { log, words } = observed()
  const [reader, consumer] = [new Outage(log), new Outage(log)]
  reader.failed('metadata', away)
  reader.end()
  consumer.failed('group', away)
  consumer.worked('group')
  expect(words()).toEqual(['kafka is unavailable, retrying', 'kafka is unavailable, retrying', 'kafka recovered'])
})
