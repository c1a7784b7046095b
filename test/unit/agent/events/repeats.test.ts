import { expect, test } from 'vitest'
import { createRepeats } from '../../../../agent/sources/events/repeats.ts'
import type { ThumpEvent } from '../../../../event/event.ts'

/** `action subject second`, one a word triple; the result says which are repeats. */
function repeatsOf(...told: ReadonlyArray<readonly [action: string, node: string, second: number]>): boolean[] {
  const isRepeat = createRepeats()
  return told.map(([action, name, second]) => {
    const event: ThumpEvent = {
      '@timestamp': new Date(1_700_000_000_000 + second * 1000).toISOString(),
      event: { id: String(second), dataset: 'rabbitmq.event', action },
      message: 'm',
      service: { type: 'rabbitmq', node: { name } },
      agent: { id: 'a', version: '0' },
      rabbitmq: { alarm: 'memory' },
    }
    return isRepeat(event)
  })
}

test('an alarm that each of three nodes tells is one', () => {
  expect(repeatsOf(['alarm.set', 'a', 0], ['alarm.set', 'a', 0.01], ['alarm.set', 'a', 1])).toEqual([false, true, true])
})

test('an alarm that goes and comes back at once is told each time', () => {
  const told = repeatsOf(
    ['alarm.set', 'a', 0],
    ['alarm.cleared', 'a', 1],
    ['alarm.set', 'a', 2],
    ['alarm.cleared', 'a', 3],
  )
  expect(told).toEqual([false, false, false, false])
})

test('alarms of two nodes are two', () => {
  expect(repeatsOf(['alarm.set', 'a', 0], ['alarm.set', 'b', 0])).toEqual([false, false])
})

test('an alarm that comes again much later is told, though its end was never heard of', () => {
  expect(repeatsOf(['alarm.set', 'a', 0], ['alarm.set', 'a', 60])).toEqual([false, false])
})

test('what only the node concerned tells is never a repeat', () => {
  expect(repeatsOf(['queue.deleted', 'a', 0], ['queue.deleted', 'a', 0])).toEqual([false, false])
})
