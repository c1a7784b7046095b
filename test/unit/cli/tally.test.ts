import { expect, test } from 'vitest'
import { createTally } from '../../../cli/tally.ts'
import type { ThumpEvent } from '../../../event/event.ts'

const eventOf = (code: string, extra: Partial<ThumpEvent> = {}): ThumpEvent => ({
  '@timestamp': '2026-11-24T10:00:00.000Z',
  event: { id: 'x', dataset: 'rabbitmq.log', code },
  message: '',
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '0' },
  ...extra,
})

test('the last line names the most frequent kinds, the others together, and what was bad', () => {
  const tally = createTally()
  for (const [code, times] of [
    ['a', 1],
    ['b', 3],
    ['c', 2],
    ['d', 1],
    ['e', 1],
    ['f', 1],
    ['g', 1],
    ['h', 1],
  ] as const)
    for (let time = 0; time < times; time++) tally.add(eventOf(code))
  tally.add(eventOf('b', { log: { level: 'error' } }))
  tally.add(eventOf('b', { event: { id: 'y', dataset: 'rabbitmq.event', code: 'b', outcome: 'failure' } }))
  expect(tally.sentence(60.4)).toBe(
    '13 events in 60 s: 5 b, 2 c, 1 a, 1 d, 1 e, 1 f, 2 others; 2 of them failures or errors',
  )
})

test('nothing is said in few words, and a name cannot write to the terminal', () => {
  const tally = createTally()
  expect(tally.sentence(3)).toBe('0 events in 3 s')
  tally.add(eventOf('\u001b[2J'))
  expect(tally.sentence(3)).toBe('1 event in 3 s: 1 \\u001b[2J')
})
