import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { backoffMs, retryForever, sleep } from '../../../runtime/retry.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('what was started last is stopped first', async () => {
  const order: string[] = []
  const shutdown = new Shutdown()
  for (const name of ['transport', 'source']) shutdown.add(name, async () => void order.push(name))
  await shutdown.run(new AbortController().signal)
  expect(order).toEqual(['source', 'transport'])
})

test('a step that fails is told and does not keep the rest from stopping', async () => {
  const stopped: string[] = []
  const shutdown = new Shutdown()
  shutdown.add('first', async () => void stopped.push('first'))
  shutdown.add('broken', () => Promise.reject(new Error('no')))
  await expect(shutdown.run(new AbortController().signal)).rejects.toThrow('shutdown incomplete')
  expect(stopped).toEqual(['first'])
})

test('a deadline that has already passed ends the wait for a step that hangs', async () => {
  const shutdown = new Shutdown()
  shutdown.add('hangs', () => new Promise(() => {}))
  await expect(shutdown.run(AbortSignal.abort(new Error('too late')))).rejects.toThrow('shutdown incomplete')
})

test.each([
  [0, 0, 50],
  [0, 1, 100],
  [3, 0, 400],
  [20, 1, 1000],
])('attempt %i with chance %f waits %i ms', (attempt, random, expected) => {
  expect(backoffMs({ baseMs: 100, maxMs: 1000 }, attempt, random)).toBe(expected)
})

test('a sleep that is aborted rejects with the reason and leaves no timer', async () => {
  const controller = new AbortController()
  const slept = sleep(1000, controller.signal)
  controller.abort(new Error('stop'))
  await expect(slept).rejects.toThrow('stop')
  expect(vi.getTimerCount()).toBe(0)
})

test('work is tried again until it succeeds, and the recovery is told with the number of failures', async () => {
  let calls = 0
  const recovered = vi.fn<(attempts: number) => void>()
  const work = () => (++calls < 3 ? Promise.reject(new Error('away')) : Promise.resolve('done'))
  const result = retryForever(work, { baseMs: 10, maxMs: 10 }, new AbortController().signal, { onRecovered: recovered })
  await vi.advanceTimersByTimeAsync(100)
  expect(await result).toBe('done')
  expect(recovered).toHaveBeenCalledExactlyOnceWith(2)
})

test('a fatal error is thrown at once', async () => {
  const work = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('wrong')))
  await expect(
    retryForever(work, { baseMs: 10, maxMs: 10 }, new AbortController().signal, { isFatal: () => true }),
  ).rejects.toThrow('wrong')
  expect(work).toHaveBeenCalledTimes(1)
})
