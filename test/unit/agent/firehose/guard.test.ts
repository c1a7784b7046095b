import { expect, test } from 'vitest'
import { advanceGuard, type GuardState, openState, type Reading } from '../../../../agent/sources/firehose/guard.ts'

const limits = { memory: 0.7, rate: 5000, cpu: 0.8 }

/** `second:name=value,…` readings through the guard; the phase (or reason) after each. */
function phases(text: string): string {
  let state: GuardState = openState(0)
  return text
    .split(' ')
    .map((step) => {
      const [second, readings = ''] = step.split(':')
      const values = Object.fromEntries(
        readings.split(',').map((pair) => {
          const [name = '', value] = pair.split('=')
          return [name, value === undefined ? true : Number(value)]
        }),
      )
      state = advanceGuard(state, { atMs: Number(second) * 1000, ...values } as Reading, limits)
      return state.phase === 'open' ? 'open' : state.reason
    })
    .join(' ')
}

test.each([
  ['memory stops at once', '0:memory=0.7 5:memory=0.71', 'open memory'],
  ['an alarm stops at once', '0: 5:isAlarmed', 'open alarm'],
  ['a burst is sampled, a flood stops', '0:rate=6000 5:rate=6000 10:rate=6000', 'open open rate'],
  [
    'a flood that pauses starts its patience anew',
    '0:rate=6000 5:rate=10 10:rate=6000 15:rate=6000',
    'open open open open',
  ],
  ['a full queue stops after half a minute', '0:fill=1 29:fill=1 30:fill=1', 'open open queue-full'],
  ['our own processor stops after half a minute', '0:cpu=0.9 30:cpu=0.9', 'open cpu'],
  ['resources that vanish stop after a minute', '0:isBlind 59:isBlind 60:isBlind', 'open open blind'],
  [
    'opens again only clearly below the limit',
    '0:memory=0.8 60:memory=0.69 65:memory=0.64 70:memory=0.62',
    'memory memory memory open',
  ],
  ['opens again only without an alarm', '0:isAlarmed 60:isAlarmed 65:memory=0.1', 'alarm alarm open'],
  ['rests for half a minute at least', '0:memory=0.8 29:memory=0.1 30:memory=0.1', 'memory memory open'],
  [
    'rests twice as long after each stop',
    '0:memory=0.8 30:memory=0.1 31:memory=0.8 90:memory=0.1 91:memory=0.1 92:memory=0.8 211:memory=0.1 212:memory=0.1',
    'memory open memory memory open memory memory open',
  ],
  [
    'forgives after a good while',
    '0:memory=0.8 30:memory=0.1 1000:memory=0.8 1029:memory=0.1 1030:memory=0.1',
    'memory open memory memory open',
  ],
  ['what cannot be read is no reason', '0: 5: 600:', 'open open open'],
])('%s', (_, readings, expected) => {
  expect(phases(readings)).toBe(expected)
})
