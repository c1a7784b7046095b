import { expect, test } from 'vitest'
import { LagCheck } from '../../../forwarder/lag-check.ts'

const behind = [
  { topic: 'APP', partition: 0, records: 5 },
  { topic: 'AMQP', partition: 1, records: 7 },
] as const

test('being behind is in bounds as long as records are settled', () => {
  const check = new LagCheck(0)
  expect(check.ask({ lags: behind, unsettled: 0, settled: 1 }, 50_000)).toEqual({
    ok: true,
    detail: '12 records behind, 7 of them in AMQP 1',
  })
  expect(check.ask({ lags: behind, unsettled: 0, settled: 2 }, 105_000).ok).toBe(true)
})

test('being behind without anything settled for a minute is told, with where', () => {
  const check = new LagCheck(0)
  check.ask({ lags: behind, unsettled: 0, settled: 1 }, 1000)
  expect(check.ask({ lags: behind, unsettled: 0, settled: 1 }, 61_000)).toEqual({
    ok: false,
    detail: '12 records behind, 7 of them in AMQP 1; none was settled for 60 s',
  })
})

test('a quiet hour is not an outage', () => {
  const check = new LagCheck(0)
  expect(check.ask({ lags: [], unsettled: 0, settled: 0 }, 3_600_000)).toEqual({ ok: true, detail: 'nothing waits' })
  expect(check.ask({ lags: behind, unsettled: 0, settled: 0 }, 3_601_000).ok).toBe(true)
})

test('what was read and is not settled counts too: nothing more may come, and it still waits', () => {
  const check = new LagCheck(0)
  const stuck = { lags: [], unsettled: 3, settled: 10 }
  expect(check.ask(stuck, 1000)).toEqual({ ok: true, detail: '3 read and not settled' })
  expect(check.ask(stuck, 61_000)).toEqual({ ok: false, detail: '3 read and not settled; none was settled for 60 s' })
})
