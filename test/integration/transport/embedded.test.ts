import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Gap } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { describeTransport, recordOf } from './conformance.ts'
import { folder, freshDir, keepingLogger, never, openAt, readAll, written } from './embedded-setup.ts'

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
  test('is owned by one process: a second writer is refused with the folder and the remedy', async () => {
    const dir = folder()
    const first = await openAt(dir)
    await expect(openAt(dir)).rejects.toThrow(`another thump owns ${dir}: stop it first`)
    await first.stop()
    await (await openAt(dir)).stop()
  })

  test('goes over many segments without a gap', async () => {
    const dir = folder()
    const texts = Array.from({ length: 200 }, (_, index) => `record ${index}`)
    await written(dir, texts, { segmentBytes: 500 })
    expect(readdirSync(join(dir, 'APP-0')).length).toBeGreaterThan(10)
    expect(await readAll(dir, { segmentBytes: 500 })).toMatchObject({ texts, gaps: [] })
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

  test('goes on when a segment is read, though none is finished', async () => {
    const dir = folder()
    const { log, told } = keepingLogger()
    const { value, stop } = await openAt(dir, { partitions: 1, maxBytes: 400 }, log)
    const consumer = await value.createConsumer(
      { role: 'quick', topics: ['APP'], startAt: 'beginning' },
      {
        records: ({ topic, partition, records }) =>
          consumer.value.commit([{ topic, partition, offset: (records.at(-1)?.offset ?? 0) + 1 }]),
      },
    )
    const producer = await value.createProducer()
    for (let sent = 0; sent < 30; sent++) await producer.value.send([recordOf('k', `record ${sent}`)], never)
    await stop()
    for (const { msg } of told)
      expect(['log cannot be written: sources pause, nothing is lost', 'log is written again']).toContain(msg)
  })

  test('says which group holds a full log', async () => {
    const dir = folder()
    const { log, told } = keepingLogger()
    const { value, stop } = await openAt(dir, { partitions: 1, maxBytes: 400 }, log)
    await value.createConsumer({ role: 'gone', topics: ['APP'], startAt: 'beginning' }, { records: async () => {} })
    const producer = await value.createProducer()
    const large = { ...recordOf('k', 'x'), value: Buffer.alloc(300) }
    await producer.value.send([large], never)
    const refused = expect(producer.value.send([large], never)).rejects.toThrow('the log is stopped')
    await eventually(() =>
      expect(told.map(({ err }) => err?.message).join()).toContain('gone has not read beyond offset 0'),
    )
    await stop()
    await refused
  })

  test('refuses a key that cannot be framed, and takes the rest', async () => {
    const dir = folder()
    const { value, stop } = await openAt(dir, { partitions: 1 })
    const producer = await value.createProducer()
    const long = recordOf('k'.repeat(70_000), 'long')
    expect((await producer.value.send([long, recordOf('k', 'short')], never)).rejected).toMatchObject([
      { index: 0, reason: 'too-large' },
    ])
    await stop()
    expect((await readAll(dir)).texts).toEqual(['short'])
  })

  test('tells an owner of offsets that this log never gave, and reads from its beginning', async () => {
    const dir = folder()
    await written(dir, ['one', 'two'])
    const { value, stop } = await openAt(dir, { partitions: 1 })
    const gaps: Gap[] = []
    const texts: string[] = []
    await value.createConsumer(
      { role: 'owner', topics: ['APP'], startAt: 'beginning' },
      {
        assigned: async (partitions) => partitions.map((partition) => ({ ...partition, offset: 70 })),
        records: async ({ records }) => void texts.push(...records.map((record) => record.value.toString())),
        gap: async (gap) => void gaps.push(gap),
      },
    )
    await eventually(() => expect(texts).toEqual(['one', 'two']))
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 70, to: 0, reason: 'truncated' }])
    await stop()
  })

  test('removes by age what was read, also where no segment was ever full', async () => {
    const dir = folder()
    let now = Date.now()
    await written(dir, ['old'])
    now += 2 * 86_400_000
    const { value, stop } = await openAt(dir, { partitions: 1 }, undefined, () => now)
    const producer = await value.createProducer()
    await producer.value.send([recordOf('k', 'new')], never)
    await stop()
    const { texts, gaps } = await readAll(dir)
    expect(texts).toEqual(['new'])
    expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 0, to: 1, reason: 'retention' }])
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
