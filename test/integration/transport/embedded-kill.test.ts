import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folder, keepingLogger, readAll, segmentsIn, type Told } from './embedded-setup.ts'

/** The same sequence for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

/** Lets a writer run and kills it some time after its first acknowledgements; answers the number after the last acknowledged. */
async function writeAndKill(dir: string, from: number, afterAcks: number): Promise<{ acked: number; told: Told[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-log-worker.ts'), dir, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (output.split('ack ').length > afterAcks) child.kill('SIGKILL')
  })
  await once(child, 'close')
  expect(child.signalCode).toBe('SIGKILL')
  const lines = output.split('\n').slice(0, -1)
  const acks = lines.filter((line) => line.startsWith('ack ')).map((line) => Number(line.slice(4)))
  const told = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Told)
  return { acked: acks.at(-1) ?? from, told }
}

const numbersOf = (texts: readonly string[]) => texts.map((text) => Number(text))

function flipSomewhere(dir: string, random: () => number): string {
  const files = [
    ...segmentsIn(dir),
    ...readdirSync(dir)
      .filter((name) => /^groups|^layout/.test(name))
      .map((name) => join(dir, name)),
  ]
  const path = files[Math.floor(random() * files.length)] ?? ''
  const bytes = readFileSync(path)
  const at = Math.floor(random() * bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
  writeFileSync(path, bytes)
  return path
}

test('killed again and again: every acknowledged record is there once, in the order of its key, and the lock is free', async () => {
  const dir = folder()
  const random = randomOf(8)
  const acknowledged: number[] = []
  let from = 0
  for (let round = 0; round < 8; round++) {
    const { acked, told } = await writeAndKill(dir, from, 1 + Math.floor(random() * 60))
    for (let number = from; number < acked; number++) acknowledged.push(number)
    expect(told.filter(({ msg }) => msg !== 'a last write that was not whole is cut off')).toEqual([])
    // What was sent and not acknowledged may be there: the next writer's numbers are others.
    from = (Math.floor(acked / 1000) + 1) * 1000
  }
  const { texts, gaps, records } = await readAll(dir, { segmentBytes: 4000 })
  const numbers = numbersOf(texts)
  expect(gaps).toEqual([])
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(acknowledged.filter((number) => !new Set(numbers).has(number))).toEqual([])
  expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
})

test('killed, then a bit flipped in any of its files: what is missing is named', async () => {
  for (const seed of [1, 2, 3]) {
    const dir = folder()
    const random = randomOf(seed)
    const first = await writeAndKill(dir, 0, 20 + Math.floor(random() * 40))
    const path = flipSomewhere(dir, random)
    const second = await writeAndKill(dir, 1000, 5)
    const { log, told } = keepingLogger()
    const { texts, gaps } = await readAll(dir, { segmentBytes: 4000 }, log)
    const numbers = numbersOf(texts)
    const due = [
      ...Array.from({ length: first.acked }, (_, index) => index),
      ...Array.from({ length: second.acked - 1000 }, (_, index) => 1000 + index),
    ]
    const missing = due.filter((number) => !numbers.includes(number))
    const cut = [...second.told, ...told].filter(({ msg }) => msg === 'a last write that was not whole is cut off')
    const named = gaps.reduce((sum, { from, to }) => sum + to - from, 0) + cut.length
    expect(new Set(numbers).size, `seed ${seed}, ${path}`).toBe(numbers.length)
    expect(missing.length, `seed ${seed}, ${path}`).toBeLessThanOrEqual(named)
    expect(named, `seed ${seed}, ${path}`).toBeLessThanOrEqual(3)
  }
})
