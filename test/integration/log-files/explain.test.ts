import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LogInput } from '../../../agent/sources/log-files/contract.ts'
import { createExplainer } from '../../../agent/sources/log-files/explain.ts'
import { lookAround } from '../../../agent/sources/log-files/look.ts'
import { checkLogs } from '../../../cli/doctor/local.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { keepingLogger } from '../transport/kafka-setup.ts'
import { Bench, line, logInput } from './harness.ts'

vi.mock('../../../agent/sources/log-files/look.ts', { spy: true })

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

const x = () => bench.path('x.log')
const explain = (path: string, input: Partial<LogInput> = {}) =>
  createExplainer([logInput(bench.logs, input)], bench.dataDir, Date.now())(path)
const told = (path: string, input: Partial<LogInput> = {}) => explain(path, input).because.join('\n')

test('a file that is being read: its offset, its lag and what it is known by', async () => {
  writeFileSync(x(), line('one') + line('two'))
  await bench.start()
  await bench.untilMessages(['one', 'two'])
  await bench.stop()
  const size = line('one').length * 2
  const read = explain(x())
  expect(read).toMatchObject({ isRead: true, offset: size, size, lagBytes: 0, lagSeconds: 0, format: 'rabbitmq' })
  expect(read.identity).toMatchObject({ headLength: size, tailLength: size })
  expect(read.because.join('\n')).toMatch(/is read to its end[^]*generation .*inode \d+[^]*they are what was read/)
  appendFileSync(x(), line('three'))
  const behind = explain(x())
  expect(behind).toMatchObject({ isRead: true, offset: size, lagBytes: line('three').length })
  expect(behind.lagSeconds).toBeLessThan(60)
  expect(behind.because.join('\n')).toContain(`${line('three').length} are not; last written`)
})

test('a file written anew since it was read is told by what no longer stands there', async () => {
  writeFileSync(x(), line('one'))
  await bench.start()
  await bench.untilMessages(['one'])
  await bench.stop()
  truncateSync(x(), 0)
  appendFileSync(x(), line('another, longer than what was there before'))
  expect(told(x())).toContain('it was cut or written anew, and is read as a new generation')
})

test('a rotated file, plain or packed, and where it was rotated from', async () => {
  writeFileSync(x(), line('one'))
  await bench.start()
  await bench.untilMessages(['one'])
  await bench.stop()
  renameSync(x(), `${x()}.1`)
  appendFileSync(`${x()}.1`, line('late'))
  writeFileSync(x(), line('two'))
  await bench.start()
  await bench.untilMessages(['one', 'late', 'two'])
  await bench.stop()
  expect(told(`${x()}.1`)).toMatch(/rotated partner of .*x\.log\n[^]*is read to its end[^]*rotated from .*x\.log:/)
  // Long before the agent first saw the live file.
  writeFileSync(`${x()}.2.gz`, gzipSync(line('old')))
  utimesSync(`${x()}.2.gz`, 1_600_000_000, 1_600_000_000)
  expect(explain(`${x()}.2.gz`).isRead).toBe(false)
  expect(told(`${x()}.2.gz`)).toContain('rotated away before the agent first saw')
  expect(explain(`${x()}.2.gz`, { paths: [`${bench.logs}/*.log*`] }).isRead).toBe(true)
})

test('why a file is not read: no pattern, too old, not there, no file, a link to nothing', () => {
  writeFileSync(bench.path('x.txt'), '')
  expect(told(bench.path('x.txt'))).toContain(`no pattern of agent.logs names it: ${bench.logs}/*.log`)
  writeFileSync(x(), line('old'))
  utimesSync(x(), 1_600_000_000, 1_600_000_000)
  expect(told(x(), { ignoreOlder: 60_000 })).toContain('longer than ignoreOlder allows')
  expect(explain(x()).isRead).toBe(true)
  expect(told(bench.path('missing.log'))).toContain('it does not exist')
  mkdirSync(bench.path('folder.log'))
  expect(told(bench.path('folder.log'))).toContain('it is not a regular file')
  symlinkSync('gone', bench.path('link.log'))
  expect(told(bench.path('link.log'))).toContain('it is a link to gone, which does not exist')
  symlinkSync('loop.log', bench.path('loop.log'))
  expect(told(bench.path('loop.log'))).toContain('it is a link that leads back to itself')
  expect(createExplainer([], bench.dataDir, Date.now())(x()).because[0]).toBe(
    'agent.logs is empty: no file is followed',
  )
  for (const name of ['x.txt', 'missing.log', 'folder.log', 'link.log', 'loop.log'])
    expect(explain(bench.path(name)).isRead).toBe(false)
})

test('without any agent so far, and of a file that is gone, what is known is said', async () => {
  writeFileSync(x(), line('one'))
  expect(told(x())).toMatch(/nothing of it has been sent yet[^]*no agent has saved a position here yet/)
  await bench.start()
  await bench.untilMessages(['one'])
  await bench.stop()
  rmSync(x())
  expect(told(x())).toMatch(new RegExp(`it does not exist[^]*was acknowledged up to ${line('one').length}`))
})

test('thump doctor looks around once, however many files and patterns there are', async () => {
  for (let index = 0; index < 30; index++) writeFileSync(bench.path(`${index}.log`), line('one'))
  writeFileSync(bench.path('other.txt'), line('one'))
  const logs = [{ paths: [`${bench.logs}/*.log`, `${bench.logs}/*.txt`] }]
  const { config } = loadConfig({ base: { dataDir: bench.dataDir, agent: { logs } } })
  vi.mocked(lookAround).mockClear()
  const findings = await checkLogs({ config } as Parameters<typeof checkLogs>[0])
  expect(findings.map(({ status }) => status)).toEqual(Array(31).fill('ok'))
  expect(lookAround).toHaveBeenCalledOnce()
})

test('a pattern that matches nothing is named at the start, with what most likely is the matter', async () => {
  writeFileSync(x(), line('one'))
  const { log, told } = keepingLogger()
  const paths = [`${bench.logs}/*.log`, `${bench.logs}/*.txt`, `${bench.logs}/nowhere/*.log`]
  await bench.start({ paths }, { log })
  const warnings = told.filter(({ msg }) => msg === 'no file matches') as unknown as Array<Record<string, string>>
  expect(warnings.map(({ pattern }) => pattern)).toEqual(paths.slice(1))
  expect(warnings[0]?.['fix']).toContain(`none of the 1 names in ${bench.logs} fits`)
  expect(warnings[1]?.['fix']).toContain(`${bench.logs}/nowhere does not exist: rabbitmq-diagnostics -q log_location`)
})
