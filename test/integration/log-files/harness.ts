import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogFilesDeps, LogInput, Tuning } from '../../../agent/sources/log-files/contract.ts'
import { createLogFilesSource } from '../../../agent/sources/log-files/log-files.ts'
import type { Identity, SourceStatus } from '../../../agent/source.ts'
import { encodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import type { OutRecord } from '../../../transport/transport.ts'

/** What the fake transport has acknowledged, decoded. */
export interface Sent {
  readonly key: string
  readonly id: string
  readonly topic: string
  readonly event: ThumpEvent
}

export const testIdentity: Identity = {
  agentId: 'agentagent',
  agentVersion: '0.0.0',
  hostName: 'host',
  keyNode: () => 'rabbit@test',
  node: () => 'rabbit@test',
  cluster: () => 'test',
  learn: () => {},
}

export const quick: Partial<Tuning> = {
  reconcileMs: 40,
  recordIdleMs: 60,
  partialIdleMs: 150,
  checkpointMs: 20,
  deletedHoldMs: 100,
  stopMs: 2000,
}

export function logInput(dir: string, input: Partial<LogInput> = {}): LogInput {
  return {
    paths: [join(dir, '*.log')],
    format: 'auto',
    startAt: 'beginning',
    timezone: 'UTC',
    encoding: 'auto',
    maxLineBytes: 1 << 20,
    topic: 'APP',
    tags: [],
    labels: {},
    ...input,
  }
}

/** A folder of logs, a data folder, and a transport in memory that can be held and that forgets nothing. */
export class Bench {
  readonly base = mkdtempSync(join(tmpdir(), 'thump-tail-'))
  readonly logs = this.base
  readonly dataDir = join(this.base, 'data')
  readonly sent: Sent[] = []
  metrics: Metrics = createMetrics()
  /** While set, nothing is acknowledged. */
  isHeld = false
  /** Holds a call by what it carries. */
  heldIf: ((batch: readonly OutRecord[]) => boolean) | undefined
  #waiting: Array<() => void> = []
  readonly #lives: Array<{ isOver: boolean }> = []
  #running: Started<SourceStatus> | undefined

  path(name: string): string {
    return join(this.logs, name)
  }

  get messages(): string[] {
    return this.sent.filter(({ topic }) => topic === 'APP').map(({ event }) => event.message)
  }

  get notices(): Sent[] {
    return this.sent.filter(({ topic }) => topic === 'THUMP')
  }

  /** Calls that wait to be acknowledged. */
  get waiting(): number {
    return this.#waiting.length
  }

  release(): void {
    this.isHeld = false
    for (const go of this.#waiting.splice(0)) go()
  }

  async start(input: Partial<LogInput> = {}, more: Partial<LogFilesDeps> = {}): Promise<SourceStatus> {
    this.metrics = createMetrics()
    const life = { isOver: false }
    this.#lives.push(life)
    const isDead = () => life.isOver
    const records = async (batch: readonly OutRecord[], signal: AbortSignal) => {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        if (this.isHeld || this.heldIf?.(batch) === true) this.#waiting.push(resolve)
        else setImmediate(resolve)
      })
      if (isDead()) throw new Error('dead')
      for (const { topic, key, value, headers } of batch)
        this.sent.push({
          topic,
          key,
          id: headers['id'] ?? '',
          event: JSON.parse(Buffer.from(value).toString()) as ThumpEvent,
        })
    }
    const source = createLogFilesSource({
      inputs: [logInput(this.logs, input)],
      dataDir: this.dataDir,
      identity: testIdentity,
      emit: { records, events: (events, signal) => records(events.map(encodeEvent), signal) },
      log: silentLogger,
      metrics: this.metrics,
      health: createHealth(),
      now: Date.now,
      tuning: quick,
      ...more,
      ...(more.tuning && { tuning: { ...quick, ...more.tuning } }),
    })
    this.#running = await source.start()
    return this.#running.value
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  /** Ends the source without letting it acknowledge anything. */
  async abandon(): Promise<void> {
    const wasHeld = this.isHeld
    this.isHeld = true
    for (const life of this.#lives) life.isOver = true
    await this.#running?.stop()
    this.#running = undefined
    this.#waiting.length = 0
    this.isHeld = wasHeld
  }

  writeData(name: string, bytes: Buffer): void {
    mkdirSync(this.dataDir, { recursive: true })
    writeFileSync(join(this.dataDir, name), bytes)
  }

  /** `what` may be asked only when time has run out: it then tells how it stands. */
  async until(isTrue: () => boolean, what: string | (() => string) = 'the expected state', withinMs = 5000) {
    const deadline = Date.now() + withinMs
    while (!isTrue()) {
      if (Date.now() > deadline) {
        const awaited = typeof what === 'string' ? what : what()
        throw new Error(`not reached: ${awaited}; messages: ${JSON.stringify(this.messages.slice(-20))}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async untilMessages(expected: readonly string[]): Promise<void> {
    await this.until(() => this.messages.length >= expected.length, `messages ${JSON.stringify(expected)}`)
  }

  async metric(name: string): Promise<number> {
    const found = await this.metrics.registry.getSingleMetric(name)?.get()
    return (found?.values ?? []).reduce((sum, { value }) => sum + value, 0)
  }

  async remove(): Promise<void> {
    this.release()
    await this.stop()
    rmSync(this.base, { recursive: true, force: true })
  }
}

let microsecond = 0
/** A line as RabbitMQ 3.9+ writes it, each at its own microsecond. */
export function line(text: string): string {
  const at = String(++microsecond).padStart(6, '0')
  return `2026-11-22 16:45:37.${at}+00:00 [info] <0.1410.0> ${text}\n`
}
