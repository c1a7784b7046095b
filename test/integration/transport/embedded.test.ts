import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createEmbeddedTransport, type EmbeddedOptions } from '../../../transport/embedded/embedded-transport.ts'
import type { Gap } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { describeTransport, recordOf } from './conformance.ts'

const topics = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const
const never = new AbortController().signal

const optionsOf = (dir: string, extra: Partial<EmbeddedOptions> = {}): EmbeddedOptions => ({
  dir,
  topics,
  partitions: 2,
  retentionMs: 86_400_000,
  maxBytes: 2 ** 30,
  mode: 'write',
  ...extra,
})

const deps = () => ({ log: silentLogger, metrics: createMetrics(), now: systemClock })
const openAt = (dir: string, extra: Partial<EmbeddedOptions> = {}) =>
  createEmbeddedTransport(optionsOf(dir, extra), deps())

function freshDir(): string {
  return mkdtempSync(join(tmpdir(), 'thump-log-'))
}

describeTransport('embedded', async () => {
  const dir = freshDir()
  let started = await openAt(dir)
  return {
    transport: started.value,
    async reopen() {
      await started.stop()
      started = await openAt(dir)
      return started.value
    },
    async close() {
      await started.stop()
      rmSync(dir, { recursive: true })
    },
  }
})

describe('the embedded log', () => {
  const folder = () => {
    const dir = freshDir()
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    return dir
  }

  const written = async (dir: string, texts: readonly string[], extra: Partial<EmbeddedOptions> = {}) => {
    const { value, stop } = await openAt(dir, { partitions: 1, ...extra })
    const producer = await value.createProducer()
    for (const text of texts) await producer.value.send([recordOf('k', text)], never)
    await stop()
  }

  const readAll = async (dir: string, extra: Partial<EmbeddedOptions> = {}) => {
    const { value, stop } = await openAt(dir, { partitions: 1, ...extra })
    const texts: string[] = []
    const gaps: Gap[] = []
    let isAtEnd = false
    const consumer = await value.createConsumer(
      { role: 'reader', topics: ['APP'], startAt: 'beginning' },
      {
        records: async ({ records }) => void texts.push(...records.map((record) => record.value.toString())),
        gap: async (gap) => void gaps.push(gap),
        caughtUp: () => (isAtEnd = true),
      },
    )
    await eventually(() => expect(isAtEnd).toBe(true))
    await consumer.stop()
    await stop()
    return { texts, gaps }
  }

  const segmentIn = (dir: string) => join(dir, 'APP-0', readdirSync(join(dir, 'APP-0')).toSorted()[0] ?? '')

  test('is owned by one process: a second writer is refused with the folder and the remedy', async () => {
    const dir = folder()
    const first = await openAt(dir)
    await expect(openAt(dir)).rejects.toThrow(`another thump owns ${dir}: stop it first`)
    await first.stop()
    await (await openAt(dir)).stop()
  })

  test('survives a tail torn at any byte: whole records stay, and writing goes on', async () => {
    const dir = folder()
    await written(dir, ['one', 'two', 'three'])
    const whole = readFileSync(segmentIn(dir))
    await written(dir, ['four'])
    const full = readFileSync(segmentIn(dir))
    for (let length = whole.length; length < full.length; length++) {
      writeFileSync(segmentIn(dir), full)
      truncateSync(segmentIn(dir), length)
      await written(dir, ['after'])
      expect((await readAll(dir)).texts).toEqual(['one', 'two', 'three', 'after'])
    }
  })

  test('names the damaged range and gives all the rest when a byte was flipped', async () => {
    const dir = folder()
    await written(dir, ['one', 'two', 'three'])
    const bytes = readFileSync(segmentIn(dir))
    const at = bytes.indexOf('two')
    bytes[at] = 0x58
    writeFileSync(segmentIn(dir), bytes)
    const { texts, gaps } = await readAll(dir)
    expect(texts).toEqual(['one', 'three'])
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 1, to: 2, reason: 'truncated' }])
  })

  test('goes over many segments without a gap', async () => {
    const dir = folder()
    const texts = Array.from({ length: 200 }, (_, index) => `record ${index}`)
    await written(dir, texts, { segmentBytes: 500 })
    expect(readdirSync(join(dir, 'APP-0')).length).toBeGreaterThan(10)
    expect(await readAll(dir, { segmentBytes: 500 })).toEqual({ texts, gaps: [] })
  })

  test('removes read segments beyond its size, and tells a late reader of the gap', async () => {
    const dir = folder()
    const texts = Array.from({ length: 100 }, (_, index) => `record ${index}`)
    await written(dir, texts, { segmentBytes: 500 })
    const small = { segmentBytes: 500, maxBytes: 2000 }
    const { texts: kept, gaps } = await readAll(dir, small)
    expect(kept.at(-1)).toBe('record 99')
    expect(kept.length).toBeLessThan(100)
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 0, to: 100 - kept.length, reason: 'retention' }])
  })

  test('pauses writers rather than lose what a group has not read', async () => {
    const dir = folder()
    const small = { partitions: 1, segmentBytes: 500, maxBytes: 3000 }
    const { value, stop } = await openAt(dir, small)
    const texts: string[] = []
    const gate = Promise.withResolvers<void>()
    const consumer = await value.createConsumer(
      { role: 'slow', topics: ['APP'], startAt: 'beginning' },
      {
        async records({ topic, partition, records }) {
          await gate.promise
          texts.push(...records.map((record) => record.value.toString()))
          await consumer.value.commit([{ topic, partition, offset: (records.at(-1)?.offset ?? 0) + 1 }])
        },
      },
    )
    const producer = await value.createProducer()
    let sent = 0
    const sending = (async () => {
      for (; sent < 100; sent++) await producer.value.send([recordOf('k', `record ${sent}`)], never)
    })()
    await eventually(() => expect(producer.value.isConnected()).toBe(false))
    expect(sent).toBeLessThan(100)
    gate.resolve()
    await sending
    await eventually(() => expect(texts).toEqual(Array.from({ length: 100 }, (_, index) => `record ${index}`)))
    await consumer.stop()
    await stop()
  })

  test('is followed by other processes while it is written', async () => {
    const dir = folder()
    const owner = await openAt(dir)
    const producer = await owner.value.createProducer()
    await producer.value.send([recordOf('k', 'before')], never)
    const onlooker = await openAt(dir, { mode: 'read' })
    const texts: string[] = []
    const consumer = await onlooker.value.createConsumer(
      { role: 'onlooker', topics: ['APP'], startAt: 'beginning' },
      { records: async ({ records }) => void texts.push(...records.map((record) => record.value.toString())) },
    )
    await eventually(() => expect(texts).toEqual(['before']))
    await producer.value.send([recordOf('k', 'after')], never)
    await eventually(() => expect(texts).toEqual(['before', 'after']))
    await consumer.stop()
    await onlooker.stop()
    await owner.stop()
  })
})
