import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { letGoAtRest, startGivingBack } from '../../../runtime/give-back.ts'

const minute = 60_000
let usedMs = 0

beforeEach(() => {
  usedMs = 0
  vi.useFakeTimers()
})
afterEach(() => void vi.useRealTimers())

/** For so long the process uses this share of a core. */
async function pass(ms: number, share: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    usedMs += 1000 * share
    await vi.advanceTimersByTimeAsync(1000)
  }
}

function giving() {
  const collect = vi.fn<() => void>()
  const started = startGivingBack({ collect: collect as never, cpuMs: () => usedMs, now: Date.now })
  return { collect, stop: started.stop }
}

test('what start-up has left behind is given back at the first rest, then what rest makes every five minutes', async () => {
  const { collect } = giving()
  await pass(minute, 0.3)
  expect(collect).not.toHaveBeenCalled()
  await pass(minute, 0.005)
  expect(collect).toHaveBeenCalledExactlyOnceWith({ type: 'major', flavor: 'last-resort' })
  await pass(3.5 * minute, 0.005)
  expect(collect).toHaveBeenCalledOnce()
  await pass(10 * minute, 0.005)
  expect(collect).toHaveBeenCalledTimes(3)
})

test('each stretch of work is followed by one giving back', async () => {
  const { collect } = giving()
  for (let stretch = 1; stretch <= 3; stretch++) {
    await pass(2 * minute, 0.8)
    await pass(2 * minute, 0.01)
    expect(collect).toHaveBeenCalledTimes(stretch)
  }
})

test('a load that comes and goes pays for it once a minute at most', async () => {
  const { collect } = giving()
  for (let half = 0; half < 60; half++) await pass(5000, half % 2)
  expect(collect.mock.calls.length).toBeGreaterThanOrEqual(4)
  expect(collect.mock.calls.length).toBeLessThanOrEqual(5)
})

test('what collecting costs is no work', async () => {
  const { collect } = giving()
  collect.mockImplementation(() => void (usedMs += 1000))
  await pass(4 * minute, 0.005)
  expect(collect).toHaveBeenCalledOnce()
})

test('what a module keeps for the next load is let go before garbage is collected', async () => {
  const order: string[] = []
  letGoAtRest(() => void order.push('let go'))
  const { collect } = giving()
  collect.mockImplementation(() => void order.push('collected'))
  await pass(minute, 0)
  expect(order).toEqual(['let go', 'collected'])
})

test('a process that is stopped collects no more', async () => {
  const { collect, stop } = giving()
  await stop()
  await pass(minute, 0)
  expect(collect).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})
