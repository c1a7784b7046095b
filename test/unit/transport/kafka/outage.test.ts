import { expect, test } from 'vitest'
import { createLogger } from '../../../../runtime/log.ts'
import { Outage } from '../../../../transport/kafka/outage.ts'

function observed() {
  const told: string[] = []
  const destination = { write: (line: string) => void told.push((JSON.parse(line) as { msg: string }).msg) }
  return { told, outage: new Outage(createLogger({ level: 'info', format: 'json', colour: false, destination })) }
}

test('a failure is told once, and its end once', () => {
  const { told, outage } = observed()
  for (let count = 0; count < 5; count++) outage.failed('APP-0', new Error('away'))
  outage.worked('APP-0')
  outage.worked('APP-0')
  expect(told).toEqual(['kafka is unavailable, retrying', 'kafka recovered'])
})

test('what works elsewhere does not end it', () => {
  const { told, outage } = observed()
  outage.failed('APP-0', new Error('away'))
  outage.failed('group', new Error('away'))
  outage.worked('APP-1')
  outage.worked('group')
  expect([outage.isOn, told]).toEqual([true, ['kafka is unavailable, retrying']])
  outage.worked('APP-0')
  expect([outage.isOn, told.length]).toEqual([false, 2])
})
