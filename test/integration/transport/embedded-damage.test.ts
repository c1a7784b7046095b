import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PartitionReader } from '../../../transport/embedded/partition-reader.ts'
import { recordOf } from './conformance.ts'
import { folder, keepingLogger, never, openAt, readAll, segmentsIn, written } from './embedded-setup.ts'

const sole = (dir: string) => segmentsIn(dir)[0] ?? ''

test('a tail torn at any byte is cut: whole records stay, and writing goes on', async () => {
  const dir = folder()
  await written(dir, ['one', 'two', 'three'])
  const whole = readFileSync(sole(dir))
  const committed = readFileSync(join(dir, 'groups.db'))
  await written(dir, ['four'])
  const full = readFileSync(sole(dir))
  for (let length = whole.length; length < full.length; length += 3) {
    // As a kill leaves it: the last stop that told its ends was the one before.
    writeFileSync(join(dir, 'groups.db'), committed)
    writeFileSync(sole(dir), full)
    truncateSync(sole(dir), length)
    await written(dir, ['after'])
    expect(await readAll(dir)).toMatchObject({ texts: ['one', 'two', 'three', 'after'], gaps: [] })
  }
})

test('a byte flipped anywhere in a segment that is read: every record is given, or its offset told as a gap', async () => {
  const dir = folder()
  await written(dir, ['one', 'two', 'three'])
  const [path, whole] = [sole(dir), readFileSync(sole(dir))]
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    writeFileSync(path, bytes)
    const reader = new PartitionReader(join(dir, 'APP-0'), 0)
    const offsets: number[] = []
    const lost: number[] = []
    for (let step = await reader.step(3); step.kind !== 'end'; step = await reader.step(3)) {
      if (step.kind === 'records') offsets.push(...step.records.map(({ offset }) => offset))
      else for (let offset = step.from; offset < step.to; offset++) lost.push(offset)
    }
    await reader.close()
    expect(
      [...offsets, ...lost].toSorted((a, b) => a - b),
      `byte ${at}`,
    ).toEqual([0, 1, 2])
    expect(lost.length, `byte ${at}`).toBe(at < 16 ? 0 : 1)
  }
})

test('a byte flipped while the log was stopped: the lost offset is named, and not given again', async () => {
  const dir = folder()
  await written(dir, ['one', 'two', 'three'])
  const whole = readFileSync(sole(dir))
  const groups = readFileSync(join(dir, 'groups.db'))
  const frame = (whole.length - 16) / 3
  for (let at = 20; at < whole.length; at += 7) {
    writeFileSync(join(dir, 'groups.db'), groups)
    for (const path of segmentsIn(dir)) rmSync(path)
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 0x10
    writeFileSync(join(dir, 'APP-0', `${'0'.repeat(20)}.log`), bytes)
    await written(dir, ['after'])
    const { records, gaps } = await readAll(dir)
    const [gap] = gaps
    expect(gaps, `byte ${at}`).toHaveLength(1)
    expect((gap?.to ?? 0) - (gap?.from ?? 0)).toBe(1)
    expect(Math.abs((gap?.from ?? 0) - Math.floor((at - 16) / frame))).toBeLessThanOrEqual(1)
    expect(records.at(-1)).toMatchObject({ offset: 3 })
    expect(records).toHaveLength(3)
  }
})

test('a segment that is missing is a gap, and what lies after it is read', async () => {
  const dir = folder()
  await written(dir, ['one', 'two', 'three'], { segmentBytes: 50 })
  rmSync(segmentsIn(dir)[1] ?? '')
  const { texts, gaps } = await readAll(dir)
  expect(texts).toEqual(['one', 'three'])
  expect(gaps).toEqual([{ topic: 'APP', partition: 0, from: 1, to: 2, reason: 'truncated' }])
})

test('a segment of another version is refused by name, before anything is changed', async () => {
  const dir = folder()
  await written(dir, ['one'])
  const bytes = readFileSync(sole(dir))
  // A header as version 2 would write it.
  Buffer.from('5448554d504c4f47020000000000000000000000', 'hex').copy(bytes, 0, 0, 12)
  const { crc32 } = await import('node:zlib')
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  writeFileSync(sole(dir), bytes)
  await expect(openAt(dir, { partitions: 1 })).rejects.toThrow('has format version 2; this Thump reads version 1')
  expect(readFileSync(sole(dir))).toEqual(bytes)
})

test('a byte flipped in the committed offsets: told where it matters, and no record is passed over', async () => {
  const dir = folder()
  await written(dir, ['one', 'two', 'three'])
  const { value, stop } = await openAt(dir, { partitions: 1 })
  const options = { role: 'reader', topics: ['APP'], startAt: 'beginning' } as const
  const consumer = await value.createConsumer(options, { records: async () => {} })
  await consumer.value.commit([{ topic: 'APP', partition: 0, offset: 1 }])
  await stop()
  const path = join(dir, 'groups.db')
  const whole = readFileSync(path)
  // The pages' heads, and their ends where the rows are.
  const places = [
    0,
    17,
    20,
    30,
    100,
    105,
    ...[40, 28, 25, 20, 14, 9, 5, 1].flatMap((n) => [4096 - n, whole.length - n]),
  ]
  for (const at of places) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 0x11
    writeFileSync(path, bytes)
    const { texts } = await readAll(dir)
    expect(
      [
        ['two', 'three'],
        ['one', 'two', 'three'],
      ],
      `byte ${at}`,
    ).toContainEqual(texts)
  }
})

test('a file of offsets that is none is set aside and told', async () => {
  const dir = folder()
  await written(dir, ['one'])
  writeFileSync(join(dir, 'groups.db'), Buffer.alloc(8192, 'x'))
  const { log, told } = keepingLogger()
  expect((await readAll(dir, {}, log)).texts).toEqual(['one'])
  expect(told.map(({ msg }) => msg)).toContain(
    'committed offsets are damaged: set aside, groups read from the beginning',
  )
  expect(readdirSync(dir).filter((name) => name.startsWith('groups.db.damaged-'))).toHaveLength(1)
})

test.each(['', '{"version":1,"partitions":9,"sum":1}', '{"vers'])(
  'a damaged layout %j does not move a key to another partition',
  async (layout) => {
    const dir = folder()
    const partitionsOf = async () => {
      const { value, stop } = await openAt(dir, { partitions: 3 })
      const producer = await value.createProducer()
      await producer.value.send([recordOf('k', 'one')], never)
      await stop()
      return readdirSync(dir).filter((name) => name.startsWith('APP-') && readdirSync(join(dir, name)).length > 0)
    }
    const before = await partitionsOf()
    writeFileSync(join(dir, 'layout.json'), layout)
    expect(await partitionsOf()).toEqual(before)
  },
)
