import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const generations = () => new Set(bench.sent.map(({ id }) => id.slice(0, id.lastIndexOf('-'))))

test('a file that got the inode of a deleted one and begins with the same bytes is another file', async () => {
  const same = line('the same')
  writeFileSync(x(), same)
  await bench.start()
  await bench.untilMessages(['the same'])
  await bench.stop()
  const { ino } = statSync(x())
  rmSync(x())
  // Most file systems give a freed inode to the next file; where this one does not, the rest still must hold.
  for (let tries = 0; tries < 50 && !existsSync(x()); tries++) {
    const candidate = bench.path(`candidate-${tries}`)
    writeFileSync(candidate, same)
    if (statSync(candidate).ino === ino || tries === 49) renameSync(candidate, x())
  }
  appendFileSync(x(), line('more'))
  await bench.start()
  await bench.untilMessages(['the same', 'the same', 'more'])
  expect(bench.messages).toEqual(['the same', 'the same', 'more'])
  expect(generations().size).toBe(2)
})

test('a new file that begins as a vanished one did is read from its beginning', async () => {
  // Longer than any head that is remembered, as every broker's log begins with one banner.
  const banner = line('the same banner').repeat(30)
  writeFileSync(x(), banner + line('one'))
  await bench.start()
  await bench.until(() => bench.messages.includes('one'))
  await bench.stop()
  rmSync(x())
  writeFileSync(x(), banner + line('two'))
  await bench.start()
  await bench.until(() => bench.messages.includes('two'))
  expect(bench.messages.filter((message) => message.startsWith('the same banner')).length).toBe(2)
  expect(generations().size).toBe(2)
})

test('a file moved out of every pattern is read to its end, with what is still written to it', async () => {
  mkdirSync(bench.path('archive'))
  appendFileSync(x(), line('one'))
  await bench.start()
  await bench.untilMessages(['one'])
  renameSync(x(), bench.path('archive/kept.txt'))
  appendFileSync(bench.path('archive/kept.txt'), line('late'))
  appendFileSync(x(), line('new'))
  await bench.untilMessages(['one', 'late', 'new'])
  expect(bench.messages).toEqual(['one', 'late', 'new'])
})
