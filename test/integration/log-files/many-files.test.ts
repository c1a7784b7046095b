import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { Bench, line } from './harness.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.remove())

test('of thousands of files each is read, and again when it grows, with far fewer descriptors', async () => {
  const names = Array.from({ length: 2000 }, (_, index) => bench.path(`${index}.log`))
  for (const [index, name] of names.entries()) writeFileSync(name, line(`first ${index}`))
  await bench.start({}, { tuning: { maxOpenFiles: 200, checkpointMs: 250, reconcileMs: 500 } })
  await bench.until(() => bench.messages.length >= 2000, 'the first lines', 30_000)
  for (const [index, name] of names.entries()) if (index % 4 === 0) appendFileSync(name, line(`second ${index}`))
  await bench.until(() => bench.messages.length >= 2500, 'the second lines', 30_000)
  expect(new Set(bench.messages).size).toBe(2500)
  expect(bench.messages.length).toBe(2500)
}, 90_000)

test('a process that really is out of descriptors reads every file, and takes none for deleted', async () => {
  const names = Array.from({ length: 60 }, (_, index) => bench.path(`${index}.log`))
  for (const [index, name] of names.entries()) writeFileSync(name, line(`first ${index}`))
  const topic = join(bench.base, 'topic.ndjson')
  const worker = join(import.meta.dirname, 'kill-9-worker.ts')
  const command = `ulimit -n 40; exec "${process.execPath}" "${worker}" "${bench.logs}" "${bench.dataDir}" "${topic}"`
  const child = spawn('sh', ['-c', command], { stdio: 'inherit' })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const texts = () => (existsSync(topic) ? [...readFileSync(topic, 'utf8').matchAll(/"message":"([^"]*)"/g)] : [])
  const messages = () => texts().map((match) => match[1])
  await bench.until(
    () => messages().length >= 60,
    () => `60 lines: ${messages().length}`,
    30_000,
  )
  for (const [index, name] of names.entries()) appendFileSync(name, line(`second ${index}`))
  await bench.until(
    () => messages().length >= 120,
    () => `120 lines: ${messages().length}`,
    30_000,
  )
  expect(new Set(messages()).size).toBe(120)
  expect(messages().length).toBe(120)
}, 90_000)
