import { expect, test, vi } from 'vitest'
import { startGivingBack } from '../../../../runtime/give-back.ts'
import { batchMemory, giveBack } from '../../../../transport/kafka/batch-memory.ts'

test('memory that was given back is used again, exactly as long as asked for', () => {
  const first = batchMemory(200_000)
  giveBack(first)
  const second = batchMemory(190_000)
  expect(second.buffer).toBe(first.buffer)
  expect(second.length).toBe(190_000)
})

test('memory that is still out is given to nobody else, and given back twice it is there once', () => {
  const first = batchMemory(200_000)
  expect(batchMemory(200_000).buffer).not.toBe(first.buffer)
  giveBack(first)
  giveBack(first)
  expect(batchMemory(200_000).buffer).toBe(first.buffer)
  expect(batchMemory(200_000).buffer).not.toBe(first.buffer)
})

test('no more than 8 MB wait to be used again, and nothing of a batch beyond 4 MB', () => {
  const batches = Array.from({ length: 5 }, () => batchMemory(3 << 20))
  const huge = batchMemory(5 << 20)
  for (const batch of [...batches, huge]) giveBack(batch)
  const given = new Set([...batches, huge].map(({ buffer }) => buffer))
  const again = Array.from({ length: 5 }, () => batchMemory(3 << 20)).filter(({ buffer }) => given.has(buffer))
  expect(again.length).toBeLessThanOrEqual(2)
  expect(batchMemory(5 << 20).buffer).not.toBe(huge.buffer)
})

test('a process at rest keeps none of it', async () => {
  vi.useFakeTimers()
  const { stop } = startGivingBack({ collect: (() => {}) as never, cpuMs: () => 0, now: Date.now })
  const first = batchMemory(200_000)
  giveBack(first)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(batchMemory(200_000).buffer).not.toBe(first.buffer)
  await stop()
  vi.useRealTimers()
})
