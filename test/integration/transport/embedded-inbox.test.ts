import { chownSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { recordOf } from './conformance.ts'
import { folder, keepingLogger, never, openAt, readAll, written } from './embedded-setup.ts'

const waitingIn = (dir: string) => readdirSync(join(dir, 'inbox'))

test('what a second process sends is kept while nothing runs, and is in the log, in its order, at the next start', async () => {
  const dir = folder()
  await written(dir, ['zero'])
  const reader = await openAt(dir, { mode: 'read', partitions: 1 })
  const producer = await reader.value.createProducer()
  for (const text of ['one', 'two']) await producer.value.send([recordOf('k', text)], never)
  await reader.stop()
  expect(waitingIn(dir)).toHaveLength(2)
  const owner = await openAt(dir, { partitions: 1 })
  await eventually(() => waitingIn(dir).length === 0)
  await owner.stop()
  expect((await readAll(dir)).texts).toEqual(['zero', 'one', 'two'])
})

test('the process that owns the log takes in what is left while it runs', async () => {
  const dir = folder()
  const owner = await openAt(dir, { partitions: 1 })
  const reader = await openAt(dir, { mode: 'read', partitions: 1 })
  const producer = await reader.value.createProducer()
  await producer.value.send([recordOf('k', 'one')], never)
  await eventually(() => waitingIn(dir).length === 0)
  await owner.stop()
  expect((await readAll(dir)).texts).toEqual(['one'])
})

test('a damaged one is set aside and told, and the next is taken in', async () => {
  const dir = folder()
  await written(dir, [])
  const reader = await openAt(dir, { mode: 'read', partitions: 1 })
  const producer = await reader.value.createProducer()
  await producer.value.send([recordOf('k', 'one')], never)
  writeFileSync(join(dir, 'inbox/000000000000000-torn.json'), '17 {"version":1,"rec')
  const { log, told } = keepingLogger()
  const owner = await openAt(dir, { partitions: 1 }, log)
  await eventually(() => waitingIn(dir).length === 1)
  await owner.stop()
  expect(waitingIn(dir)).toEqual(['000000000000000-torn.json.damaged'])
  expect(told.map(({ msg }) => msg)).toContain('records left by another process are damaged: set aside')
  expect((await readAll(dir)).texts).toEqual(['one'])
})

test.runIf(process.getuid?.() === 0)('what root leaves belongs to the account that owns the log', async () => {
  const dir = folder()
  await written(dir, [])
  chownSync(dir, 65_534, 65_534)
  const reader = await openAt(dir, { mode: 'read', partitions: 1 })
  await (await reader.value.createProducer()).value.send([recordOf('k', 'one')], never)
  const owners = [join(dir, 'inbox'), ...waitingIn(dir).map((name) => join(dir, 'inbox', name))]
  expect(owners.map((path) => statSync(path).uid)).toEqual([65_534, 65_534])
})

test('an inbox that cannot be read is told once, and taken in when it can', async () => {
  const dir = folder()
  await written(dir, [])
  // A file stands where the folder would be.
  writeFileSync(join(dir, 'inbox'), '')
  const { log, told } = keepingLogger()
  const owner = await openAt(dir, { partitions: 1 }, log)
  await eventually(() => told.length > 0)
  rmSync(join(dir, 'inbox'))
  const reader = await openAt(dir, { mode: 'read', partitions: 1 })
  await (await reader.value.createProducer()).value.send([recordOf('k', 'one')], never)
  await eventually(() => waitingIn(dir).length === 0)
  await owner.stop()
  expect(told.map(({ msg }) => msg)).toEqual([
    'records left by other processes cannot be taken in',
    'records left by other processes are taken in again',
  ])
  expect((await readAll(dir)).texts).toEqual(['one'])
})
