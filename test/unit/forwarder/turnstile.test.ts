import { expect, test } from 'vitest'
import { Turnstile } from '../../../forwarder/turnstile.ts'

const tick = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** A room of two places, and who came in. */
function room() {
  const inside: string[] = []
  const turnstile = new Turnstile(() => inside.length < 2)
  const enter = (name: string, signal = new AbortController().signal) =>
    turnstile.enter(signal).then(() => {
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

test('who waits no longer keeps no one else waiting', async () => {
  const { inside, turnstile, enter } = room()
  inside.push('x', 'y')
  const leaving = new AbortController()
  const left = enter('a', leaving.signal)
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
  await enter('a', AbortSignal.abort())
})
