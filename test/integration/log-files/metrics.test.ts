import { appendFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const one = line('one').length

/** A metric's value for each path's file name. */
async function byPath(name: string): Promise<Record<string, number>> {
  const found = await bench.metrics.registry.getSingleMetric(`thump_log_${name}`)?.get()
  return Object.fromEntries(
    (found?.values ?? []).map(({ labels, value }) => [String(labels['path']).split('/').at(-1), value]),
  )
}

async function untilMetric(name: string, expected: number): Promise<void> {
  const deadline = Date.now() + 10_000
  for (let value = Number.NaN; value !== expected; value = (await byPath(name))['x.log'] ?? Number.NaN) {
    if (Date.now() > deadline) expect(await byPath(name)).toMatchObject({ 'x.log': expected })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function untilNone(name: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (Object.keys(await byPath(name)).length > 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await byPath(name)).toEqual({})
}

test('size, read, acknowledged and lag of a path move as its lines are read and acknowledged', async () => {
  writeFileSync(x(), line('one') + line('two'))
  bench.isHeld = true
  await bench.start()
  await untilMetric('read_bytes', 2 * one)
  expect(await byPath('size_bytes')).toEqual({ 'x.log': 2 * one })
  expect(await byPath('acknowledged_bytes')).toEqual({ 'x.log': 0 })
  expect(await byPath('lag_bytes')).toEqual({ 'x.log': 2 * one })
  const { 'x.log': before = 0 } = await byPath('lag_seconds')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect((await byPath('lag_seconds'))['x.log']).toBeGreaterThan(before)
  bench.release()
  await untilMetric('acknowledged_bytes', 2 * one)
  expect(await byPath('lag_bytes')).toEqual({ 'x.log': 0 })
  expect(await byPath('lag_seconds')).toEqual({ 'x.log': 0 })
})

test('generations, truncations, gaps and long lines of a path are counted', async () => {
  writeFileSync(x(), line('one'))
  await bench.start(
    { maxLineBytes: 1000 },
    { tuning: { maxHeldBytes: 1000, maxFileInFlightBytes: 500, readBytes: 2048 } },
  )
  await bench.untilMessages(['one'])
  await untilMetric('generations_total', 1)
  truncateSync(x(), 0)
  await untilMetric('truncations_total', 1)
  appendFileSync(x(), line(`long ${'x'.repeat(3000)}`) + line('two'))
  await bench.until(() => bench.messages.includes('two'), 'two')
  await untilMetric('generations_total', 2)
  await untilMetric('long_lines_total', 1)
  bench.isHeld = true
  appendFileSync(x(), Array.from({ length: 200 }, (_, index) => line(`text ${index}`)).join(''))
  await bench.until(() => bench.waiting > 0, 'in flight')
  rmSync(x())
  await untilMetric('gaps_total', 1)
})

test('rotation makes no new series: what is rotated counts for the path it had, and a file that went is shown no more', async () => {
  writeFileSync(x(), line('one'))
  await bench.start()
  for (let rotation = 1; rotation <= 4; rotation++) {
    await bench.until(() => bench.messages.length >= rotation, 'read')
    for (let number = rotation; number > 1; number--) renameSync(`${x()}.${number - 1}`, `${x()}.${number}`)
    renameSync(x(), `${x()}.1`)
    appendFileSync(x(), line(`after rotation ${rotation}`))
  }
  await untilMetric('generations_total', 5)
  for (const name of [
    'size_bytes',
    'read_bytes',
    'acknowledged_bytes',
    'lag_bytes',
    'lag_seconds',
    'generations_total',
  ])
    expect(Object.keys(await byPath(name))).toEqual(['x.log'])
  await bench.until(() => bench.messages.length >= 5, 'the last')
  for (const end of ['', '.1', '.2', '.3', '.4']) rmSync(`${x()}${end}`)
  await untilNone('size_bytes')
})

test('the series of a path end once nothing of it is remembered: names that come and go do not add up', async () => {
  writeFileSync(x(), line('one'))
  let laterMs = 0
  await bench.start({}, { now: () => Date.now() + laterMs })
  await bench.untilMessages(['one'])
  await untilMetric('generations_total', 1)
  rmSync(x())
  await untilNone('size_bytes')
  expect(await byPath('generations_total')).toEqual({ 'x.log': 1 })
  laterMs = 8 * 24 * 3_600_000
  await untilNone('generations_total')
})
