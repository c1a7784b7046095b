import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { Bench, line } from './harness.ts'

const nobody = 65_534

test('a known file that may not be read for a while, over a restart too, is neither given up nor sent again', async () => {
  const bench = new Bench()
  const topic = join(bench.base, 'topic.ndjson')
  const path = bench.path('x.log')
  let child: ChildProcess | undefined
  // Permissions mean nothing to root: then the source runs as nobody.
  const start = () => {
    const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
    child = fork(join(import.meta.dirname, 'kill-9-worker.ts'), [bench.logs, bench.dataDir, topic], user)
  }
  const end = async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  onTestFinished(async () => {
    await end()
    await bench.remove()
  })
  chmodSync(bench.base, 0o755)
  mkdirSync(bench.dataDir)
  chmodSync(bench.dataDir, 0o777)
  writeFileSync(topic, '')
  chmodSync(topic, 0o666)
  const events = () =>
    readFileSync(topic, 'utf8')
      .split('\n')
      .filter((text) => text.startsWith('{') && text.endsWith('}'))
      .map((text) => JSON.parse(text) as ThumpEvent)
  const messages = () => events().map(({ message }) => message)

  writeFileSync(path, line('one') + line('two'))
  chmodSync(path, 0o644)
  start()
  const checkpoint = join(bench.dataDir, 'log-files.json')
  await bench.until(() => messages().length === 2, 'first lines', 20_000)
  // Acknowledged and saved.
  await bench.until(
    () => existsSync(checkpoint) && readFileSync(checkpoint, 'utf8').includes(`"offset":${2 * line('one').length}`),
    'the position',
  )
  await end()
  chmodSync(path, 0o000)
  appendFileSync(path, line('three'))
  start()
  const looked = readFileSync(topic).length
  await bench.until(() => readFileSync(topic).length > looked, 'started', 20_000)
  await new Promise((resolve) => setTimeout(resolve, 400))
  chmodSync(path, 0o644)
  await bench.until(() => messages().includes('three'), 'the line written meanwhile', 20_000)
  expect(messages()).toEqual(['one', 'two', 'three'])
}, 60_000)
