import { expect, onTestFinished, test, vi } from 'vitest'
import { Timers } from '../../../../alerting/engine/timers.ts'
import { benchOf } from '../engine-bench.ts'

const batches = 200

test.each([
  ['count', 'count: {gte: 100000, within: 10m}'],
  ['count', 'count: {lt: 1, within: 5m}'],
  ['absence', 'absence: {for: 10m}'],
  ['metric', 'metric: {field: http.response.status_code, op: max, lt: 2, within: 1m, for: 5m}'],
  ['match', 'quiet: 10m'],
])('a key is looked at once a batch at most, however often its time was moved: %s', (type, own) => {
  const takes = vi.spyOn(Timers.prototype, 'take')
  onTestFinished(() => takes.mockRestore())
  const bench = benchOf(`rules:\n- {id: r, topic: APP, type: ${type}, ${own}}\n`)
  for (let at = 0; at < batches * 10; at += 10)
    bench.read([0, 2, 4, 6, 8].map((after) => ({ at: at + after, http: { response: { status_code: after } } })))
  expect(takes.mock.results.filter(({ value }) => value !== undefined).length).toBeLessThanOrEqual(batches)
})
