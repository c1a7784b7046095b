import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LateError, within } from '../../../runtime/within.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new AbortController().signal
const deaf = () => new Promise<string>(() => {})

test('what is over in time is answered, and its failure too', async () => {
  expect(await within(1000, never, async () => 'done')).toBe('done')
  await expect(within(1000, never, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  expect(vi.getTimerCount()).toBe(0)
})

test('what does not end is told to give up, and not waited for where it does not listen', async () => {
  let told: AbortSignal | undefined
  const late = within(1000, never, (signal) => {
    told = signal
    return deaf()
  })
  late.catch(() => {})
  await vi.advanceTimersByTimeAsync(999)
  expect(told?.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(told?.aborted).toBe(true)
  await expect(late).rejects.toBeInstanceOf(LateError)
})

test('an abort ends it with its own reason, before it began too', async () => {
  const stopping = new AbortController()
  const work = within(1000, stopping.signal, deaf)
  stopping.abort(new Error('stopping'))
  await expect(work).rejects.toThrow('stopping')
  await expect(within(1000, stopping.signal, deaf)).rejects.toThrow('stopping')
  expect(vi.getTimerCount()).toBe(0)
})
