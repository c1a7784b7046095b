import { appendFileSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const flags = () => bench.sent.map(({ event }) => event.log?.flags ?? [])
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

test('UTF-16 with its mark is read as text, also across a restart', async () => {
  writeFileSync(x(), Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(line('하나'))]))
  await bench.start()
  await bench.untilMessages(['하나'])
  await bench.stop()
  appendFileSync(x(), utf16(line('둘')))
  await bench.start()
  await bench.untilMessages(['하나', '둘'])
  expect(bench.messages).toEqual(['하나', '둘'])
})

test('UTF-16 the other way round, without a mark, is known by its zeros', async () => {
  writeFileSync(x(), utf16(`${line('one')}${line('two')}`).swap16())
  await bench.start()
  await bench.untilMessages(['one', 'two'])
  expect(bench.messages).toEqual(['one', 'two'])
})

test('half a character of UTF-16 waits for its other half', async () => {
  const bytes = utf16(`${line('one')}${line('two')}`).swap16()
  const cut = bytes.length - 3
  writeFileSync(x(), Buffer.concat([Buffer.from([0xfe, 0xff]), bytes.subarray(0, cut)]))
  await bench.start()
  await bench.untilMessages(['one'])
  appendFileSync(x(), bytes.subarray(cut))
  await bench.untilMessages(['one', 'two'])
  expect(bench.messages).toEqual(['one', 'two'])
})

test('a mark of UTF-8 before the first line is no part of it', async () => {
  writeFileSync(x(), `\u{FEFF}${line('one')}`)
  await bench.start()
  await bench.untilMessages(['one'])
  expect(bench.messages).toEqual(['one'])
  expect(bench.sent[0]?.event['@timestamp']).toMatch(/^2026-11-22T16:45:37/)
})

test('latin1 is read where the input says so', async () => {
  writeFileSync(x(), Buffer.from(line('Grüße'), 'latin1'))
  await bench.start({ encoding: 'latin1' })
  await bench.untilMessages(['Grüße'])
  expect(bench.messages).toEqual(['Grüße'])
})

test('bytes that are no UTF-8 are replaced, flagged and counted; their neighbours are intact', async () => {
  writeFileSync(x(), Buffer.concat([Buffer.from(line('one')), Buffer.from(line('b_d').replace('_', '\xff'), 'latin1')]))
  appendFileSync(x(), line('three'))
  await bench.start()
  await bench.untilMessages(['one', 'b�d', 'three'])
  expect(bench.messages).toEqual(['one', 'b�d', 'three'])
  expect(flags()).toEqual([[], ['invalid-utf8'], []])
  expect(await bench.metric('thump_log_invalid_bytes_total')).toBe(1)
})

test('a character cut at the edge of a read is whole in its event', async () => {
  const texts = Array.from({ length: 40 }, (_, index) => `${'가'.repeat(index)}끝`)
  writeFileSync(x(), texts.map(line).join(''))
  await bench.start({}, { tuning: { readBytes: 301 } })
  await bench.untilMessages(texts)
  expect(bench.messages).toEqual(texts)
  expect(flags().flat()).toEqual([])
})

test('the NUL bytes that a stale writer leaves after a truncation are stepped over and counted', async () => {
  writeFileSync(x(), line('one'))
  await bench.start()
  await bench.untilMessages(['one'])
  // The writer goes on at its own old offset: what lies before is a hole.
  truncateSync(x(), 0)
  writeFileSync(x(), Buffer.concat([Buffer.alloc(5000), Buffer.from(line('two'))]))
  await bench.untilMessages(['one', 'two'])
  expect(bench.messages).toEqual(['one', 'two'])
  expect(await bench.metric('thump_log_nul_bytes_total')).toBe(5000)
})

test('a line beyond the limit is cut and flagged, also where it is longer than a read', async () => {
  writeFileSync(x(), `before\n${'y'.repeat(3000)}\nafter\n`)
  await bench.start({ format: 'plain', maxLineBytes: 1000 }, { tuning: { readBytes: 256 } })
  await bench.untilMessages(['', '', ''])
  expect(bench.messages).toEqual(['before', 'y'.repeat(1000), 'after'])
  expect(flags()).toEqual([[], ['truncated'], []])
  expect(await bench.metric('thump_log_long_lines_total')).toBeGreaterThan(0)
})

test('a line written in two halves is one event', async () => {
  const whole = line('in two halves')
  writeFileSync(x(), whole.slice(0, 40))
  await bench.start({}, { tuning: { partialIdleMs: 3000 } })
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(bench.messages).toEqual([])
  appendFileSync(x(), whole.slice(40))
  await bench.untilMessages(['in two halves'])
  expect(flags()).toEqual([[]])
})

test('a last line without its end goes out after a rest; what completes it continues it', async () => {
  writeFileSync(x(), line('never en').trimEnd())
  await bench.start()
  await bench.untilMessages(['never en'])
  appendFileSync(x(), 'ded\n')
  await bench.untilMessages(['never en', 'ded'])
  expect(flags()).toEqual([['partial'], ['continued']])
})

test('half a line that a truncation took is not lost: what was seen of it goes out, flagged', async () => {
  const half = line('half a li').trimEnd()
  writeFileSync(x(), line('one') + half)
  await bench.start({}, { tuning: { partialIdleMs: 60_000 } })
  await bench.untilMessages(['one'])
  truncateSync(x(), 0)
  appendFileSync(x(), line('two'))
  await bench.untilMessages(['one', 'two', 'half a li'])
  expect(bench.messages.toSorted()).toEqual(['half a li', 'one', 'two'])
  const [event] = bench.sent.filter(({ event }) => event.message === 'half a li')
  expect(event?.event.log?.flags).toEqual(['partial'])
})

test('a record of several lines is not cut by a restart between them', async () => {
  const [one, two] = ['first line', '  second line'].map(
    (text) =>
      line('')
        .replace(/\d{6}\+/, '777777+')
        .trimEnd() + text,
  )
  writeFileSync(x(), `${one}\n`)
  await bench.start({}, { tuning: { recordIdleMs: 60_000 } })
  await new Promise((resolve) => setTimeout(resolve, 150))
  await bench.stop()
  expect(bench.messages).toEqual([])
  appendFileSync(x(), `${two}\n`)
  await bench.start()
  await bench.untilMessages([''])
  expect(bench.messages.map((text) => text.split('\n').map((part) => part.trim()))).toEqual([
    ['first line', 'second line'],
  ])
  expect(flags()).toEqual([['multiline']])
})

test('a file of one byte is read', async () => {
  writeFileSync(x(), 'z')
  await bench.start()
  await bench.untilMessages(['z'])
  expect(flags()).toEqual([['partial']])
})
