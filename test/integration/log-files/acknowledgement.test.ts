import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const write = (...texts: string[]) => appendFileSync(x(), texts.map(line).join(''))
const told = () => bench.notices.map(({ event }) => event.event.action)
const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The data folder's files as they are, to be put back: what a crash at this instant leaves. */
function snapshot(): () => void {
  const kept = readdirSync(bench.dataDir, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, readFileSync(`${bench.dataDir}/${name}`)] as const)
  return () => {
    rmSync(bench.dataDir, { recursive: true })
    for (const [name, bytes] of kept) bench.writeData(name, bytes)
  }
}

test('a position never passes what is not acknowledged, though later lines could be', async () => {
  bench.heldIf = (batch) => batch.some(({ value }) => Buffer.from(value).includes('first'))
  write('first')
  await bench.start({}, { tuning: { stopMs: 50 } })
  await bench.until(() => bench.waiting > 0, 'the first in flight')
  write('second', 'third')
  // Time enough for the later lines to be read, sent and saved, if they were.
  await rest(300)
  await bench.abandon()
  bench.heldIf = undefined
  await bench.start()
  await bench.untilMessages(['first', 'second', 'third'])
  expect(bench.messages.slice(-3)).toEqual(['first', 'second', 'third'])
})

test('a record that went out for its rest is cut at the same place after a crash: one id, one text', async () => {
  const [one, two] = ['first line', 'second line'].map((text) => line(text).replace(/\d{6}\+/, '888888+')) as [
    string,
    string,
  ]
  bench.isHeld = true
  appendFileSync(x(), one)
  await bench.start()
  await bench.until(() => bench.waiting > 0, 'the first line in flight')
  const restore = snapshot()
  bench.release()
  await bench.untilMessages(['first line'])
  await bench.stop()
  restore()
  appendFileSync(x(), two)
  await bench.start()
  await bench.untilMessages(['first line', 'first line', 'second line'])
  expect(bench.messages).toEqual(['first line', 'first line', 'second line'])
  expect(new Set(bench.sent.map(({ id }) => id)).size).toBe(2)
})

test('nothing of a new file is sent before its identity is on disk, and all of it once the disk takes it', async () => {
  writeFileSync(bench.dataDir, 'in the way of the folder')
  write('one', 'two')
  await bench.start()
  await bench.until(() => told().includes('log.checkpoint'), 'the failure is told')
  // Time enough for both to be read, and sent if they were.
  await rest(200)
  expect(bench.messages).toEqual([])
  rmSync(bench.dataDir)
  await bench.untilMessages(['one', 'two'])
  expect(existsSync(`${bench.dataDir}/log-files.json`)).toBe(true)
})

test('a checkpoint of another version is not believed, and that is told', async () => {
  write('one')
  await bench.start()
  await bench.untilMessages(['one'])
  await bench.stop()
  const body = readFileSync(`${bench.dataDir}/log-files.json`, 'utf8').split('\n')[1] ?? ''
  bench.writeData('log-files.json', Buffer.from(`{"version":2,"crc32":${crc32(body)}}\n${body}\n`))
  rmSync(`${bench.dataDir}/log-files.json.previous`, { force: true })
  await bench.start()
  await bench.until(() => told().includes('log.checkpoint'), 'told')
  await bench.untilMessages(['one', 'one'])
})
