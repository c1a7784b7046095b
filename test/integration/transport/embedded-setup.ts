import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { createLogger, type Logger, silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import { createEmbeddedTransport, type EmbeddedOptions } from '../../../transport/embedded/embedded-transport.ts'
import type { Gap, InRecord, Transport } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { recordOf } from './conformance.ts'

export const never = new AbortController().signal

const topics = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const

export function openAt(
  dir: string,
  changes: Partial<EmbeddedOptions> = {},
  log: Logger = silentLogger,
  now: Clock = systemClock,
): Promise<Started<Transport>> {
  const defaults = { dir, topics, partitions: 2, retentionMs: 86_400_000, maxBytes: 2 ** 30, mode: 'write' } as const
  return createEmbeddedTransport({ ...defaults, ...changes }, { log, metrics: createMetrics(), now })
}

export function freshDir(): string {
  return mkdtempSync(join(tmpdir(), 'thump-log-'))
}

/** A folder that is gone at the end of the test. */
export function folder(): string {
  const dir = freshDir()
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export interface Told {
  readonly msg: string
  readonly err?: { readonly message: string }
  readonly fromOffset?: number
  readonly toOffset?: number
}

/** A logger that keeps what it is told from warnings on. */
export function keepingLogger(): { readonly log: Logger; readonly told: Told[] } {
  const told: Told[] = []
  const destination = { write: (line: string) => void told.push(JSON.parse(line) as Told) }
  return { log: createLogger({ level: 'info', format: 'json', colour: false, destination }), told }
}

/** Sends the texts one after another to a log of one partition. */
export async function written(dir: string, texts: readonly string[], changes: Partial<EmbeddedOptions> = {}) {
  const { value, stop } = await openAt(dir, { partitions: 1, ...changes })
  const producer = await value.createProducer()
  for (const text of texts) await producer.value.send([recordOf('k', text)], never)
  await stop()
}

/** All that APP's one partition gives a group that never read it. */
export async function readAll(dir: string, changes: Partial<EmbeddedOptions> = {}, log: Logger = silentLogger) {
  const { value, stop } = await openAt(dir, { partitions: 1, ...changes }, log)
  const records: InRecord[] = []
  const gaps: Gap[] = []
  let isAtEnd = false
  await value.createConsumer(
    { role: 'reader', topics: ['APP'], startAt: 'beginning' },
    {
      records: async (batch) => void records.push(...batch.records),
      gap: async (gap) => void gaps.push(gap),
      caughtUp: () => (isAtEnd = true),
    },
  )
  await eventually(() => expect(isAtEnd).toBe(true), { everyMs: 5 })
  await stop()
  return { records, texts: records.map(({ value: bytes }) => bytes.toString()), gaps }
}

/** APP's segments of a log of one partition, the oldest first. */
export function segmentsIn(dir: string): readonly string[] {
  const partition = join(dir, 'APP-0')
  return readdirSync(partition)
    .toSorted()
    .map((file) => join(partition, file))
}
