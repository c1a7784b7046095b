import { expect, test } from 'vitest'
import { StallCheck } from '../../../forwarder/stall-check.ts'

const minuteMs = 60_000

test('a writer from which nothing is heard for five minutes makes the process one to be restarted', () => {
  const check = new StallCheck(0)
  expect(check.ask(1, true, minuteMs)).toEqual({ ok: true, detail: 'writing' })
  expect(check.ask(1, true, 5 * minuteMs).ok).toBe(true)
  expect(check.ask(1, true, 6 * minuteMs)).toEqual({
    ok: false,
    detail: 'nothing came of any write for 300 s: to be restarted',
  })
  expect(check.ask(2, true, 7 * minuteMs).ok).toBe(true)
})

test('a storage that fails for hours is none, nor is a quiet night', () => {
  const failing = new StallCheck(0)
  for (let failures = 1; failures < 100; failures++)
    expect(failing.ask(failures, true, failures * 2 * minuteMs).ok).toBe(true)
  const quiet = new StallCheck(0)
  expect(quiet.ask(0, false, 600 * minuteMs).ok).toBe(true)
  expect(quiet.ask(0, true, 601 * minuteMs).ok).toBe(true)
})
