import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const write = (...texts: string[]) => appendFileSync(x(), texts.map(line).join(''))
const ids = () => bench.sent.map(({ id }) => id)

/** Everything exactly once, in this order. */
async function expectMessages(...expected: string[]) {
  await bench.untilMessages(expected)
  expect(bench.messages).toEqual(expected)
  expect(new Set(ids()).size).toBe(ids().length)
}

test('a renamed log is read to its end and the new one from its beginning, under one key', async () => {
  write('one')
  await bench.start()
  write('two')
  renameSync(x(), `${x()}.1`)
  appendFileSync(`${x()}.1`, line('late'))
  write('three')
  await expectMessages('one', 'two', 'late', 'three')
  // By now a look has seen both under their names.
  write('four')
  await expectMessages('one', 'two', 'late', 'three', 'four')
  expect(new Set(bench.sent.map(({ key }) => key))).toEqual(new Set([`rabbit@test/${x().slice(1)}`]))
})

test('after a restart reading goes on where it was acknowledged, under the same ids', async () => {
  write('one', 'two')
  await bench.start()
  await expectMessages('one', 'two')
  await bench.stop()
  write('three')
  await bench.start()
  await expectMessages('one', 'two', 'three')
})

test('what was not acknowledged is read again after a restart, under the same ids', async () => {
  write('one')
  await bench.start({}, { tuning: { reconcileMs: 20, recordIdleMs: 30, stopMs: 50 } })
  await bench.untilMessages(['one'])
  const [first] = ids()
  bench.isHeld = true
  write('two')
  await bench.until(() => bench.waiting > 0, 'two in flight')
  await bench.stop()
  bench.sent.length = 0
  bench.release()
  await bench.start()
  await bench.untilMessages(['two'])
  expect(bench.messages).toEqual(['two'])
  expect(ids()[0]).not.toBe(first)
})

test('several rotations while stopped are all read, oldest first', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  write('two')
  renameSync(x(), `${x()}.1`)
  write('three')
  renameSync(`${x()}.1`, `${x()}.2`)
  renameSync(x(), `${x()}.1`)
  write('four')
  await bench.start()
  await expectMessages('one', 'two', 'three', 'four')
})

test('a partner that was there before us and that no pattern names stays unread', async () => {
  writeFileSync(`${x()}.1`, line('old'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  write('one')
  await bench.start()
  await expectMessages('one')
  write('two')
  await expectMessages('one', 'two')
})

test('copytruncate that grows past the old position is seen, and the copy gives what was not read', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  write('two', 'three')
  copyFileSync(x(), `${x()}.1`)
  truncateSync(x(), 0)
  write('four', 'five', 'six', 'seven is longer than what was there before')
  await bench.start()
  await expectMessages('one', 'two', 'three', 'four', 'five', 'six', 'seven is longer than what was there before')
})

test('copytruncate while running doubles nothing although the copy matches the pattern', async () => {
  await bench.start({ paths: [`${bench.logs}/x.log*`] })
  write('one', 'two')
  await bench.untilMessages(['one', 'two'])
  copyFileSync(x(), `${x()}.1`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  truncateSync(x(), 0)
  write('three')
  await expectMessages('one', 'two', 'three')
})

test('delete and recreate, with the same inode or not, is a new file', async () => {
  await bench.start()
  write('one')
  await expectMessages('one')
  rmSync(x())
  write('one')
  await bench.untilMessages(['one', 'one'])
  expect(new Set(ids()).size).toBe(2)
})

test('a packed partner goes on at the unpacked position', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  write('two', 'three')
  writeFileSync(`${x()}.1.gz`, gzipSync(readFileSync(x())))
  rmSync(x())
  write('four')
  await bench.start()
  await bench.untilMessages(['one', 'two', 'three', 'four'])
  expect([...bench.messages].sort()).toEqual(['four', 'one', 'three', 'two'])
})

test('packing a partner that was read sends nothing again', async () => {
  await bench.start({ paths: [`${bench.logs}/x.log*`] })
  write('one')
  await expectMessages('one')
  renameSync(x(), `${x()}.1`)
  write('two')
  await expectMessages('one', 'two')
  writeFileSync(`${x()}.2.gz`, gzipSync(readFileSync(`${x()}.1`)))
  rmSync(`${x()}.1`)
  write('three')
  await expectMessages('one', 'two', 'three')
  await bench.stop()
  await bench.start({ paths: [`${bench.logs}/x.log*`] })
  write('four')
  await expectMessages('one', 'two', 'three', 'four')
})

test('removing only the last line does not send the file again', async () => {
  await bench.start()
  write('one')
  await expectMessages('one')
  const keep = readFileSync(x()).length
  write('two')
  await expectMessages('one', 'two')
  truncateSync(x(), keep)
  await new Promise((resolve) => setTimeout(resolve, 150))
  write('three')
  await expectMessages('one', 'two', 'three')
})

test('a folder that appears later is found', async () => {
  await bench.start({ paths: [`${bench.logs}/later/*.log`] })
  mkdirSync(bench.path('later'))
  writeFileSync(bench.path('later/y.log'), line('one'))
  await expectMessages('one')
})

test('a file cut and written again beyond the position right after a restart is not taken for what it was', async () => {
  const log = bench.path('x.log')
  appendFileSync(log, line('one'))
  await bench.start()
  await bench.untilMessages(['one'])
  await bench.stop()
  appendFileSync(log, line('two'))
  await bench.start()
  // The first look has verified the file; nothing is read of it yet.
  copyFileSync(log, `${log}.1`)
  truncateSync(log)
  appendFileSync(
    log,
    line('three, longer than all that was there before: a position within it is in the middle of a line'),
  )
  appendFileSync(log, line('four'))
  await bench.untilMessages(['one', 'two', 'three', 'four'])
  expect(new Set(bench.messages.map((message) => message.split(',')[0]))).toEqual(
    new Set(['one', 'two', 'three', 'four']),
  )
  expect(new Set(ids()).size).toBe(4)
})

test('a copy seen before its original was cut is no second file, although both are new', async () => {
  const log = bench.path('x.log')
  appendFileSync(log, line('before'))
  await bench.start({ paths: [`${bench.logs}/*.log*`] })
  await bench.untilMessages(['before'])
  await bench.stop()
  renameSync(log, `${log}.2`)
  appendFileSync(log, line('one') + line('two'))
  copyFileSync(log, `${log}.1`)
  await bench.start({ paths: [`${bench.logs}/*.log*`] })
  await bench.untilMessages(['before', 'one', 'two'])
  truncateSync(log)
  appendFileSync(log, line('three'))
  await bench.untilMessages(['before', 'one', 'two', 'three'])
  await bench.stop()
  await bench.start({ paths: [`${bench.logs}/*.log*`] })
  appendFileSync(log, line('four'))
  await bench.untilMessages(['before', 'one', 'two', 'three', 'four'])
  expect(bench.messages).toEqual(['before', 'one', 'two', 'three', 'four'])
})

test('a file cut and written again beyond the position, of which there is no copy, is read from its beginning', async () => {
  // A banner longer than any head that is remembered: only what stands before the position tells the two apart.
  const banner = Array.from({ length: 20 }, (_, index) => line(`banner ${index}`)).join('')
  appendFileSync(x(), banner + line('one'))
  await bench.start()
  await bench.until(() => bench.messages.includes('one'), 'one')
  truncateSync(x(), 0)
  appendFileSync(x(), banner + line('two, longer than what it replaces') + line('three'))
  await bench.until(() => bench.messages.includes('three'), 'three')
  const texts = Array.from({ length: 20 }, (_, index) => `banner ${index}`)
  expect(bench.messages).toEqual([...texts, 'one', ...texts, 'two, longer than what it replaces', 'three'])
  expect(new Set(ids()).size).toBe(ids().length)
  expect(await bench.metric('thump_log_truncations_total')).toBe(1)
})

test('rotated while stopped, a copy is read before the live file that was known and still empty', async () => {
  writeFileSync(x(), '')
  const paths = [`${bench.logs}/*.log*`]
  await bench.start({ paths })
  await bench.stop()
  write('one')
  copyFileSync(x(), `${x()}.1`)
  truncateSync(x(), 0)
  write('two')
  await bench.start({ paths })
  await expectMessages('one', 'two')
})

test('rotated once more while stopped, the copy still is read before what was written after it', async () => {
  writeFileSync(x(), '')
  const paths = [`${bench.logs}/*.log*`]
  await bench.start({ paths })
  await bench.stop()
  write('one')
  copyFileSync(x(), `${x()}.2`)
  truncateSync(x(), 0)
  // File systems count time in ticks.
  await new Promise((resolve) => setTimeout(resolve, 20))
  write('two')
  renameSync(x(), `${x()}.1`)
  write('three')
  await bench.start({ paths })
  await expectMessages('one', 'two', 'three')
})

test('what is cut between the look that found it and its first read is sent before what took its place', async () => {
  writeFileSync(x(), '')
  const paths = [`${bench.logs}/*.log*`]
  await bench.start({ paths })
  await bench.stop()
  write('one')
  await bench.start({ paths })
  // The first look has seen the file; nothing is read of it yet.
  copyFileSync(x(), `${x()}.1`)
  truncateSync(x(), 0)
  write('two, longer than what was there before', 'three')
  await expectMessages('one', 'two, longer than what was there before', 'three')
})

test('a file that was cut, written again and rotated in one look has its place before what came after it', async () => {
  const paths = [`${bench.logs}/*.log*`]
  bench.isHeld = true
  write('one')
  // Nothing is read beyond what is in flight: all that follows is seen by looks alone.
  await bench.start({ paths }, { tuning: { maxFileInFlightBytes: 1, reconcileMs: 500 } })
  await bench.until(() => bench.waiting > 0, 'one in flight')
  write('two')
  copyFileSync(x(), `${x()}.2`)
  truncateSync(x(), 0)
  const many = Array.from({ length: 5 }, (_, index) => `after the cut ${index}`)
  write(...many)
  renameSync(x(), `${x()}.1`)
  write('last', 'end')
  const truncations = () => bench.metric('thump_log_truncations_total')
  for (let count = 0; count === 0; count = await truncations()) await new Promise((resolve) => setTimeout(resolve, 5))
  bench.release()
  await expectMessages('one', 'two', ...many, 'last', 'end')
})
