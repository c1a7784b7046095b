import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createEventPrinter } from '../../../cli/event-printer.ts'
import type { Context } from '../../../cli/context.ts'
import type { ThumpEvent } from '../../../event/event.ts'

const nowMs = Date.parse('2026-11-25T12:00:00Z')
const at = (time: string, message = 'm'): ThumpEvent => ({
  '@timestamp': time,
  event: { id: time, dataset: 'rabbitmq.log', code: 'code' },
  message,
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '0' },
})

function printed(isTty: boolean, events: readonly ThumpEvent[], output: 'text' | 'json' = 'text'): string[] {
  const out = new PassThrough()
  const context = { out, colour: false, isTty, config: { timezone: 'Asia/Seoul' } } as unknown as Context
  const print = createEventPrinter({ output, utc: false, nowMs }, context)
  for (const event of events) print(event)
  return String(out.read()).trimEnd().split('\n')
}

const days = [at('2026-11-23T14:59:59Z'), at('2026-11-23T15:00:00Z'), at('2026-11-25T00:00:00Z')]

test("a terminal is told a new day by a line of its own, in the reader's zone; today needs none at first", () => {
  expect(printed(true, days).map((line) => line.slice(0, 10).trim())).toEqual([
    '2026-11-23',
    '23:59:59.0',
    '2026-11-24',
    '00:00:00.0',
    '2026-11-25',
    '09:00:00.0',
  ])
  expect(printed(true, days.slice(2))).toHaveLength(1)
})

test('a pipe has the date in each line', () => {
  expect(printed(false, days).map((line) => line.slice(0, 19))).toEqual([
    '2026-11-23 23:59:59',
    '2026-11-24 00:00:00',
    '2026-11-25 09:00:00',
  ])
})

test('what strangers wrote moves no cursor and makes no line of its own', () => {
  const [line, ...more] = printed(false, [at('2026-11-25T00:00:00Z', 'a\u001b[31m\nforged\r\u202e')])
  expect(more).toEqual([])
  expect(line).toContain('a\\u001b[31m ⏎ forged\\u000d\\u202e')
})

test('JSON is the event as it is, one a line', () => {
  expect(printed(false, days, 'json').map((line) => JSON.parse(line) as unknown)).toEqual(days)
})
