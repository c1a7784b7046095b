import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { Bench, line } from './harness.ts'
import { randomOf } from './model.ts'

const kills = Number(process.env['THUMP_KILLS'] ?? 4)
const seed = Number(process.env['THUMP_SEED'] ?? 1)
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Writes numbered records and rotates all the time: by renaming, and the older ones packed. */
function startWriter(path: string, random: () => number): { stop(): number } {
  let [written, rotations] = [0, 0]
  const timer = setInterval(() => {
    let text = ''
    for (let left = 10 + random() * 40; left > 0; left--) text += line(`t${++written}e ${'x'.repeat(random() * 150)}`)
    appendFileSync(path, text)
    if (random() > 0.06) return
    rotations++
    renameSync(path, `${path}.${rotations}`)
    const older = `${path}.${rotations - 2}`
    if (!existsSync(older) || random() < 0.5) return
    writeFileSync(`${older}.gz`, gzipSync(readFileSync(older)))
    rmSync(older)
  }, 8)
  return {
    stop: () => {
      clearInterval(timer)
      return written
    },
  }
}

/** Each token's ids, and how many events were sent. Lines that a kill tore are not looked at: they were never sent. */
function read(topic: string): { readonly ids: Map<number, Set<string>>; readonly events: number; gaps: string[] } {
  const ids = new Map<number, Set<string>>()
  const gaps: string[] = []
  let events = 0
  for (const text of readFileSync(topic, 'utf8').split('\n')) {
    if (!text.startsWith('{') || !text.endsWith('}')) continue
    const event = JSON.parse(text) as ThumpEvent
    if (event.event.action === 'log.gap') gaps.push(event.message)
    const token = Number(/^t(\d+)e/.exec(event.message)?.[1] ?? 0)
    if (token === 0) continue
    events++
    ids.set(token, (ids.get(token) ?? new Set()).add(event.event.id))
  }
  return { ids, events, gaps }
}

test(
  'killed at random moments of a rotating load: nothing is lost, and what repeats has the id it had',
  async () => {
    const bench = new Bench()
    const random = randomOf(seed)
    const topic = join(bench.base, 'topic.ndjson')
    let child: ChildProcess | undefined
    const start = () => {
      child = fork(join(import.meta.dirname, 'kill-9-worker.ts'), [bench.logs, bench.dataDir, topic])
    }
    const kill = async () => {
      if (child?.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    onTestFinished(async () => {
      await kill()
      await bench.remove()
    })
    appendFileSync(bench.path('x.log'), line('t0'))
    start()
    await bench.until(() => existsSync(topic) && statSync(topic).size > 50, 'first sight', 10_000)
    const writer = startWriter(bench.path('x.log'), random)
    for (let round = 0; round < kills; round++) {
      const before = statSync(topic).size
      await bench.until(() => statSync(topic).size > before + 1000, 'alive and sending', 20_000)
      await pause(random() * 250)
      await kill()
      await pause(random() * 60)
      start()
    }
    const written = writer.stop()
    const missing = () => {
      const { ids } = read(topic)
      return Array.from({ length: written }, (_, index) => index + 1).filter((token) => !ids.has(token))
    }
    await bench
      .until(() => missing().length === 0, 'everything', 15_000)
      .catch(() =>
        expect({ seed, written, lost: missing().length, first: missing().slice(0, 3) }).toMatchObject({ lost: 0 }),
      )
    const { ids, events, gaps } = read(topic)
    expect([...ids].filter(([, of]) => of.size > 1)).toEqual([])
    expect(gaps).toEqual([])
    // Repeats are what was in flight at a kill, not whole files.
    expect(events - written).toBeLessThan(kills * 20_000)
  },
  Math.max(120_000, kills * 20_000),
)
