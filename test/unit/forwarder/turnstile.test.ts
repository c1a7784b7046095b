import { expect, test } from 'vitest'
import { Turnstile } from '../../../forwarder/turnstile.ts'

const tick = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** A room of two places, and who came in. */
function room() {
  const inside: string[] = []
  const turnstile = new Turnstile(() => inside.length < 2)
  const enter = (name: string, { signal = new AbortController().signal, firstMs = 0 } = {}) =>
    turnstile.enter(signal, firstMs).then(() => {
      if (!signal.aborted) inside.push(name)
    })
  return { inside, turnstile, enter }
}

test('many who wait for the same room come in one by one, in their order, and no more than it holds', async () => {
  const { inside, turnstile, enter } = room()
  for (const name of ['a', 'b', 'c', 'd']) void enter(name)
  for (let turn = 0; turn < 6; turn++) await tick()
  expect(inside).toEqual(['a', 'b'])
  inside.shift()
  turnstile.turn()
  for (let turn = 0; turn < 6; turn++) await tick()
  expect(inside).toEqual(['b', 'c'])
})

test('who brings the oldest goes first', async () => {
  const { inside, turnstile, enter } = room()
  inside.push('x', 'y')
  void enter('new', { firstMs: 300 })
  void enter('oldest', { firstMs: 100 })
  void enter('old', { firstMs: 200 })
  inside.length = 0
  turnstile.turn()
  for (let turn = 0; turn < 6; turn++) await tick()
  expect(inside).toEqual(['oldest', 'old'])
})

test('who brings the newest comes in all the same while others bring what is old for ever', async () => {
  const inside: string[] = []
  let isOpen = false
  const turnstile = new Turnstile(() => isOpen)
  const { signal } = new AbortController()
  const enter = async (name: string, firstMs: number) => {
    await turnstile.enter(signal, firstMs)
    inside.push(name)
    if (inside.length < 50) void enter(name, firstMs)
  }
  for (const name of ['a', 'b']) void enter(name, 0)
  void enter('new', 1000)
  isOpen = true
  turnstile.turn()
  for (let turn = 0; turn < 60; turn++) await tick()
  expect(inside.filter((name) => name === 'new').length).toBeGreaterThan(0)
  expect(inside.filter((name) => name === 'new').length).toBeLessThan(inside.length / 10)
})

test('who waits no longer keeps no one else waiting', async () => {
  const { inside, turnstile, enter } = room()
  inside.push('x', 'y')
  const leaving = new AbortController()
  const left = enter('a', { signal: leaving.signal })
  void enter('b')
  leaving.abort()
  await left
  inside.pop()
  turnstile.turn()
  for (let turn = 0; turn < 4; turn++) await tick()
  expect(inside).toEqual(['x', 'b'])
})

test('who was gone before does not wait', async () => {
  const { enter } = room()
  await enter('a', { signal: AbortSignal.abort() })
})
