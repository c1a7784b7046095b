import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
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
const told = () => bench.notices.map(({ event }) => event.event.action)
const checkpoint = () => `${bench.dataDir}/log-files.json`

async function expectMessages(...expected: string[]) {
  await bench.untilMessages(expected)
  expect(bench.messages).toEqual(expected)
}

test('a torn checkpoint is told, and reading goes on from the one before it', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  await bench.start()
  write('two')
  await expectMessages('one', 'two')
  await bench.stop()
  writeFileSync(checkpoint(), readFileSync(checkpoint()).subarray(0, 60))
  write('three')
  const before = new Set(ids())
  await bench.start()
  await bench.until(() => bench.messages.includes('three') && told().includes('log.checkpoint'))
  // What is sent again has the id it had.
  const again = bench.sent.filter(({ event }) => event.message === 'two')
  expect(new Set(again.map(({ id }) => id)).size).toBe(1)
  expect(before.has(again[0]?.id ?? '')).toBe(true)
  expect(existsSync(`${checkpoint()}.corrupt`)).toBe(true)
})

test('with both checkpoints torn the source starts, tells it and reads everything', async () => {
  write('one')
  bench.writeData('log-files.json', Buffer.from('{"version":1,"crc32":0}\n{}\n'))
  bench.writeData('log-files.json.previous', Buffer.from('\0\0\0'))
  await bench.start()
  await bench.until(() => bench.messages.includes('one') && told().includes('log.checkpoint'))
})

test('a checkpoint that is whole but not what was written is not believed', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  const text = readFileSync(checkpoint(), 'utf8')
  writeFileSync(checkpoint(), text.replace(/"offset":\d+/, '"offset":7'))
  await bench.start()
  await bench.until(() => told().includes('log.checkpoint'), 'told')
})

test('a symlink that is pointed at another file is followed there, after the first is read to its end', async () => {
  mkdirSync(bench.path('real'))
  writeFileSync(bench.path('real/a'), line('one'))
  symlinkSync(bench.path('real/a'), x())
  await bench.start()
  await expectMessages('one')
  appendFileSync(bench.path('real/a'), line('two'))
  writeFileSync(bench.path('real/b'), line('three'))
  symlinkSync(bench.path('real/b'), bench.path('new'))
  renameSync(bench.path('new'), x())
  await expectMessages('one', 'two', 'three')
  appendFileSync(bench.path('real/b'), line('four'))
  await expectMessages('one', 'two', 'three', 'four')
  expect(new Set(bench.sent.map(({ event }) => event.log?.file?.path))).toEqual(new Set([x()]))
})

test('what cannot be read is told by readiness and tried again on every look, without any change to the file', async () => {
  // Root may read everything: a link to itself cannot be opened by anyone.
  symlinkSync('x.log', x())
  const status = await bench.start()
  await bench.until(() => !status.ready().ok, 'a problem')
  expect(status.ready().detail).toContain('x.log: ELOOP')
  writeFileSync(bench.path('ready'), line('one'))
  renameSync(bench.path('ready'), x())
  await expectMessages('one')
  await bench.until(() => status.ready().ok, 'ready again')
})

test('while a folder cannot be listed nothing is taken for deleted', async () => {
  mkdirSync(bench.path('logs'))
  writeFileSync(bench.path('logs/y.log'), line('one'))
  await bench.start({ paths: [`${bench.logs}/logs/*.log`] })
  await expectMessages('one')
  await bench.stop()
  appendFileSync(bench.path('logs/y.log'), line('unread'))
  renameSync(bench.path('logs'), bench.path('away'))
  symlinkSync('logs', bench.path('logs'))
  // Nothing is open: only the look itself knows that it has seen nothing.
  await bench.start({ paths: [`${bench.logs}/logs/*.log`] })
  await new Promise((resolve) => setTimeout(resolve, 250))
  rmSync(bench.path('logs'))
  renameSync(bench.path('away'), bench.path('logs'))
  appendFileSync(bench.path('logs/y.log'), line('two'))
  await expectMessages('one', 'unread', 'two')
  expect(told()).toEqual([])
})

test('with fewer descriptors than files every file is read, and the open ones stay within the limit', async () => {
  const names = Array.from({ length: 30 }, (_, index) => bench.path(`${index}.log`))
  for (const name of names) writeFileSync(name, line(`first ${name}`))
  await bench.start({}, { tuning: { maxOpenFiles: 8 } })
  await bench.until(() => bench.messages.length >= 30, 'the first lines')
  expect(openOf().length).toBeLessThanOrEqual(8)
  for (const name of names) appendFileSync(name, line(`second ${name}`))
  await bench.until(() => bench.messages.length >= 60, 'the second lines')
  expect(new Set(bench.messages).size).toBe(60)
  expect(bench.messages.length).toBe(60)
})

test('a deleted file is read to its end, let go after a rest, and nothing is told', async () => {
  bench.isHeld = true
  write('one')
  await bench.start()
  await bench.until(() => deletedOpen().length === 0 && openOf().length === 1, 'open')
  write('two')
  rmSync(x())
  await bench.until(() => deletedOpen().length === 1, 'held while unacknowledged')
  bench.release()
  await expectMessages('one', 'two')
  await bench.until(() => deletedOpen().length === 0, 'let go')
  expect(told()).toEqual([])
})

test('a deleted file is kept open, however long its bytes cannot be handed on', async () => {
  bench.isHeld = true
  const texts = Array.from({ length: 400 }, (_, index) => `text ${index} ${'x'.repeat(100)}`)
  write(...texts)
  await bench.start({}, { tuning: { maxFileInFlightBytes: 2000, readBytes: 2048 } })
  await bench.until(() => openOf().length === 1, 'open')
  rmSync(x())
  // Three times the rest after which it could go.
  await new Promise((resolve) => setTimeout(resolve, 300))
  bench.release()
  await expectMessages(...texts)
  await bench.until(() => openOf().length === 0, 'let go')
})

test('beyond the budget of held bytes the oldest deleted file is let go, and its lost range is told', async () => {
  bench.isHeld = true
  const texts = Array.from({ length: 400 }, (_, index) => `text ${index} ${'x'.repeat(100)}`)
  write(...texts)
  const { size } = statSync(x())
  await bench.start({}, { tuning: { maxHeldBytes: 1000, maxFileInFlightBytes: 2000, readBytes: 2048 } })
  await bench.until(() => openOf().length === 1, 'open')
  rmSync(x())
  await bench.until(() => deletedOpen().length === 0, 'let go')
  bench.release()
  await bench.until(() => told().includes('log.gap'), 'a gap')
  const gap = bench.notices.find(({ event }) => event.event.action === 'log.gap')?.event.message ?? ''
  expect(gap).toContain('held-bytes')
  expect(gap).toMatch(new RegExp(`: \\d+ to ${size}$`))
})

test('while nothing is acknowledged reading stops at the bound, and goes on after it', async () => {
  bench.isHeld = true
  const texts = Array.from({ length: 2000 }, (_, index) => `text ${index} ${'x'.repeat(100)}`)
  write(...texts)
  await bench.start({}, { tuning: { maxFileInFlightBytes: 50_000, readBytes: 8192 } })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const read = await bench.metric('thump_log_read_bytes')
  expect(read).toBeGreaterThan(8000)
  expect(read).toBeLessThan(50_000)
  bench.release()
  await expectMessages(...texts)
  expect(new Set(ids()).size).toBe(2000)
})

test('a quiet file does not wait for a flooding one', async () => {
  await bench.start({}, { tuning: { readBytes: 8192, maxFileInFlightBytes: 20_000 } })
  const flood = Array.from({ length: 20_000 }, (_, index) => line(`flood ${index}`)).join('')
  writeFileSync(bench.path('a-flood.log'), flood)
  writeFileSync(bench.path('z-quiet.log'), line('quiet') + line('end'))
  await bench.until(() => bench.messages.includes('quiet'), 'the quiet line')
  expect(bench.messages.length).toBeLessThan(10_000)
})

test('a packed file is read on from the unpacked position, with the ids it would have had', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  write('two', 'three')
  const bytes = readFileSync(x())
  writeFileSync(`${x()}.1.gz`, gzipSync(bytes))
  rmSync(x())
  await bench.start()
  await expectMessages('one', 'two', 'three')
  const [first, second] = bench.sent
  expect(second?.id.slice(0, second.id.lastIndexOf(':') + 1)).toBe(first?.id.slice(0, first.id.lastIndexOf(':') + 1))
  expect(second?.event.log?.offset).toBe(line('one').length)
})

test('a gzip that is still being written is read once it is whole', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  await bench.stop()
  write('two')
  const packed = gzipSync(readFileSync(x()))
  rmSync(x())
  writeFileSync(`${x()}.1.gz`, packed.subarray(0, packed.length - 10))
  await bench.start()
  await new Promise((resolve) => setTimeout(resolve, 200))
  writeFileSync(`${x()}.1.gz`, packed)
  await expectMessages('one', 'two')
})

test('packed files that rotation renames while they wait to be unpacked are read', async () => {
  write('one')
  await bench.start()
  await expectMessages('one')
  renameSync(x(), `${x()}.1`)
  write('two')
  await expectMessages('one', 'two')
  await bench.stop()
  appendFileSync(`${x()}.1`, line('late'))
  write('three')
  for (const [from, to] of [
    [`${x()}.1`, `${x()}.2.gz`],
    [x(), `${x()}.1.gz`],
  ] as const) {
    writeFileSync(to, gzipSync(readFileSync(from)))
    rmSync(from)
  }
  await bench.start()
  // One is unpacked at a time; the other waits under a name that it will not have.
  renameSync(`${x()}.2.gz`, `${x()}.3.gz`)
  renameSync(`${x()}.1.gz`, `${x()}.2.gz`)
  await bench.until(() => bench.messages.length >= 4, 'both')
  expect(bench.messages.toSorted()).toEqual(['late', 'one', 'three', 'two'])
  expect(told()).toEqual([])
})

test('stopping is bounded while nothing is acknowledged', async () => {
  bench.isHeld = true
  write('one')
  await bench.start({}, { tuning: { stopMs: 100 } })
  await new Promise((resolve) => setTimeout(resolve, 150))
  const started = Date.now()
  await bench.stop()
  expect(Date.now() - started).toBeLessThan(1500)
})

test('where reading begins at the end, only what is written from then on is sent, across a restart too', async () => {
  write('old')
  await bench.start({ startAt: 'end' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  write('one')
  await expectMessages('one')
  await bench.stop()
  write('two')
  writeFileSync(bench.path('new.log'), line('of a new file'))
  await bench.start({ startAt: 'end' })
  await bench.until(() => bench.messages.length >= 3)
  expect([...bench.messages].sort()).toEqual(['of a new file', 'one', 'two'])
})

test('two files with equal beginnings are two files', async () => {
  const banner = line('the same banner').repeat(30)
  writeFileSync(bench.path('a.log'), banner + line('a'))
  writeFileSync(bench.path('b.log'), banner + line('b'))
  await bench.start()
  await bench.until(() => bench.messages.includes('a') && bench.messages.includes('b'))
})

/** Open files of this test, by what they are called now. */
const openOf = () =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`)
      return name.startsWith(`${bench.base}/`) && name.includes('.log') ? [name] : []
    } catch {
      return []
    }
  })
const deletedOpen = () => openOf().filter((name) => name.endsWith(' (deleted)'))
