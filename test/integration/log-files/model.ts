import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Tuning } from '../../../agent/sources/log-files/contract.ts'
import { Bench } from './harness.ts'

/** A reproducible stream of numbers in [0, 1) (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const tuning: Partial<Tuning> = {
  reconcileMs: 15,
  recordIdleMs: 40,
  partialIdleMs: 120,
  checkpointMs: 5,
  deletedHoldMs: 60,
  stopMs: 1000,
}

const patienceMs = 20_000

const operations = [
  'write',
  'write',
  'write',
  'many',
  'half',
  'rename',
  'rename',
  'copytruncate',
  'recreate',
  'late',
  'pack',
  'shorten',
  'restart',
  'crash',
  'hold',
  'release',
  'rest',
] as const
type Operation = (typeof operations)[number]

/** One random life of two log files: every line once under one id, in order where order is promised, whatever happened. */
export class ModelRun {
  readonly #random: () => number
  readonly #bench = new Bench()
  readonly #pattern: string
  readonly history: string[] = []
  #token = 0
  #isRunning = false
  #half = new Map<string, string>()
  /** Token → the live path's name. */
  readonly #written = new Map<number, string>()
  readonly #mayBeUnordered = new Set<string>()
  readonly #removed = new Set<number>()
  #time = 0

  constructor(seed: number) {
    this.#random = randomOf(seed)
    this.#pattern = this.#random() < 0.5 ? '*.log' : '*.log*'
    this.history.push(`pattern ${this.#pattern}`)
  }

  /** Throws with the whole history where the model and the agent disagree. */
  async run(steps: number): Promise<void> {
    const bench = this.#bench
    try {
      // Both are seen once: what is rotated away before its first sight, under a name no pattern has, nobody can know.
      for (const name of ['a.log', 'b.log']) appendFileSync(bench.path(name), this.#line(name))
      await this.#start()
      await this.#untilAll('first sight')
      for (let step = 0; step < steps; step++) {
        const operation = operations[Math.floor(this.#random() * operations.length)] ?? 'write'
        const name = this.#random() < 0.7 ? 'a.log' : 'b.log'
        this.history.push(`${operation} ${name}`)
        await this.#do(operation, name)
      }
      for (const name of ['a.log', 'b.log']) this.#complete(name)
      bench.release()
      if (!this.#isRunning) await this.#start()
      await this.#untilAll('at the end')
      this.#check()
    } catch (error) {
      throw new Error(`${this.history.join(', ')}\n${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    } finally {
      await bench.remove()
    }
  }

  async #start(): Promise<void> {
    await this.#bench.start({ paths: [join(this.#bench.logs, this.#pattern)] }, { tuning })
    this.#isRunning = true
  }

  /** kill −9: the checkpoint on disk is what it was at that instant, and nothing in flight is acknowledged. */
  async #crash(): Promise<void> {
    const bench = this.#bench
    const kept = existsSync(bench.dataDir)
      ? readdirSync(bench.dataDir, { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => [name, readFileSync(join(bench.dataDir, name))] as const)
      : []
    await bench.abandon()
    rmSync(bench.dataDir, { recursive: true, force: true })
    for (const [name, bytes] of kept) bench.writeData(name, bytes)
    this.#isRunning = false
  }

  #line(name: string): string {
    const token = ++this.#token
    this.#written.set(token, name)
    const prefix = this.#prefix()
    const lines = this.#random() < 0.3 ? 1 + Math.floor(this.#random() * 4) : 1
    const filler = 'x'.repeat(Math.floor(this.#random() * 60))
    let text = `${prefix}t${token}e lines ${lines} ${filler}\n`
    for (let index = 1; index < lines; index++) text += `${prefix}  more ${index}\n`
    return text
  }

  #prefix(): string {
    const micros = String(++this.#time).padStart(6, '0')
    return `2026-11-22 16:45:37.${micros}+00:00 [info] <0.1.0> `
  }

  #complete(name: string): void {
    const rest = this.#half.get(name)
    if (rest === undefined) return
    this.#half.delete(name)
    appendFileSync(this.#bench.path(name), rest)
  }

  /** Moves x.1 to x.2 and so on. */
  #shift(name: string): void {
    const path = this.#bench.path(name)
    for (let index = 9; index >= 1; index--) {
      for (const end of ['', '.gz'])
        if (existsSync(`${path}.${index}${end}`)) renameSync(`${path}.${index}${end}`, `${path}.${index + 1}${end}`)
    }
  }

  async #do(operation: Operation, name: string): Promise<void> {
    const bench = this.#bench
    const path = bench.path(name)
    const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
    if (operation !== 'half' && operation !== 'rest') this.#complete(name)
    switch (operation) {
      case 'write':
        appendFileSync(path, this.#line(name))
        return
      case 'many':
        appendFileSync(path, Array.from({ length: 50 }, () => this.#line(name)).join(''))
        return
      case 'half': {
        this.#complete(name)
        const text = `${this.#prefix()}t${++this.#token}e lines 1 half and the other half\n`
        this.#written.set(this.#token, name)
        appendFileSync(path, text.slice(0, -10))
        this.#half.set(name, text.slice(-10))
        return
      }
      case 'rename':
        if (!existsSync(path)) return
        this.#shift(name)
        renameSync(path, `${path}.1`)
        return
      case 'copytruncate':
        if (!existsSync(path) || readFileSync(path).length === 0) return
        this.#shift(name)
        copyFileSync(path, `${path}.1`)
        if (this.#random() < 0.3) await pause(20)
        truncateSync(path, 0)
        return
      case 'recreate':
        if (!existsSync(path) || !this.#isRunning || bench.isHeld) return
        await this.#untilAll('before recreate')
        rmSync(path)
        appendFileSync(path, this.#line(name))
        return
      case 'late':
        if (!existsSync(`${path}.1`)) return
        this.#mayBeUnordered.add(name)
        appendFileSync(`${path}.1`, this.#line(name))
        return
      case 'pack':
        if (!existsSync(`${path}.2`)) return
        this.#mayBeUnordered.add(name)
        writeFileSync(`${path}.2.gz`, gzipSync(readFileSync(`${path}.2`)))
        if (this.#random() < 0.5) await pause(20)
        rmSync(`${path}.2`)
        return
      case 'shorten': {
        if (!this.#isRunning || bench.isHeld || !existsSync(path)) return
        const before = readFileSync(path).length
        await this.#untilAll('before shorten')
        appendFileSync(path, `${this.#prefix()}t${++this.#token}e lines 1 to be taken away\n`)
        this.#written.set(this.#token, name)
        await this.#untilAll('before cut')
        this.#removed.add(this.#token)
        truncateSync(path, before)
        await pause(this.#random() < 0.5 ? 0 : 40)
        return
      }
      case 'restart':
        if (this.#isRunning) {
          await bench.stop()
          this.#isRunning = false
          if (this.#random() < 0.4) return
        }
        await this.#start()
        return
      case 'crash':
        if (this.#isRunning) await this.#crash()
        if (this.#random() < 0.6) await this.#start()
        return
      case 'hold':
        bench.isHeld = true
        return
      case 'release':
        bench.release()
        return
      case 'rest':
        await pause(this.#random() * 80)
        return
    }
  }

  #tokensSent(): Map<number, Set<string>> {
    const result = new Map<number, Set<string>>()
    for (const { event, id } of this.#bench.sent) {
      const token = Number(/^t(\d+)e/.exec(event.message)?.[1] ?? 0)
      if (token === 0) continue
      const ids = result.get(token) ?? new Set()
      result.set(token, ids.add(id))
    }
    return result
  }

  #missing(): number[] {
    const sent = this.#tokensSent()
    return [...this.#written.keys()].filter((token) => !sent.has(token))
  }

  /** Patience for a busy machine: what is lost stays lost. */
  async #untilAll(when: string): Promise<void> {
    const missing = () => `${when}: tokens ${this.#missing().slice(0, 10).join()}`
    await this.#bench.until(() => this.#missing().length === 0, missing, patienceMs)
  }

  #check(): void {
    const sent = this.#tokensSent()
    const twice = [...sent].filter(([, ids]) => ids.size > 1).map(([token, ids]) => `${token}: ${[...ids].join()}`)
    if (twice.length > 0) throw new Error(`under two ids: ${twice.slice(0, 5).join(' ')}`)
    const byId = new Map<string, string>()
    const last = new Map<string, number>()
    for (const { id, event, topic } of this.#bench.sent) {
      if (topic === 'THUMP') {
        // After a crash the agent cannot know that a file deleted since had been sent.
        if (event.event.action === 'log.gap' && !this.history.some((step) => step.startsWith('crash')))
          throw new Error(`a gap was told where nothing was lost: ${event.message}`)
        continue
      }
      const before = byId.get(id)
      if (before !== undefined && before !== event.message)
        throw new Error(`one id for two texts: ${before} / ${event.message}`)
      const isRepeat = before !== undefined
      byId.set(id, event.message)
      const found = /^t(\d+)e lines (\d+)/.exec(event.message)
      if (!found) {
        if (event.log?.flags?.includes('continued') !== true)
          throw new Error(`a record without a beginning: ${event.message}`)
        continue
      }
      if (event.message.split('\n').length !== Number(found[2]) && event.log?.flags?.includes('partial') !== true)
        throw new Error(`cut or joined: ${event.message}`)
      const name = this.#written.get(Number(found[1])) ?? ''
      if (isRepeat || this.#mayBeUnordered.has(name)) continue
      if (Number(found[1]) < (last.get(name) ?? 0))
        throw new Error(`out of order: ${event.message} after ${last.get(name)}`)
      last.set(name, Number(found[1]))
    }
  }
}
