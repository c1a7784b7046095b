import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TopicName } from '../../../event/topics.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import type { ConsumerHandlers, InRecord, OutRecord, Transport } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'

/** One footing of the transport; `reopen` stops it and starts it again over the same data. */
export interface OpenTransport {
  readonly transport: Transport
  reopen(): Promise<Transport>
  close(): Promise<void>
}

const never = new AbortController().signal

/** Young enough to travel under its own time. */
export const recordedAtMs = Date.now() - 60_000

export function recordOf(key: string, text: string, topic: TopicName = 'APP'): OutRecord {
  return { topic, key, value: Buffer.from(text), headers: { id: text, schema: '1' }, timestampMs: recordedAtMs }
}

/** What every kind of transport must do, in the same words for all of them. */
export function describeTransport(name: string, open: () => Promise<OpenTransport>): void {
  describe(`the ${name} transport`, () => {
    let opened: OpenTransport
    let shutdown: Shutdown
    let transport: Transport
    // A group of its own for each test: tests of one kind share a log.
    let role: string

    beforeEach(async () => {
      opened = await open()
      transport = opened.transport
      shutdown = new Shutdown()
      role = `test-${randomUUID().slice(0, 8)}`
      await transport.ensureTopics(never)
    })

    afterEach(async () => {
      await shutdown.run(AbortSignal.timeout(30_000))
      await opened.close()
    })

    const send = async (records: readonly OutRecord[]) => {
      const producer = await transport.createProducer()
      const result = await producer.value.send(records, never)
      await producer.stop()
      return result
    }

    const consume = async (
      handlers: Partial<ConsumerHandlers> = {},
      options: { startAt?: 'latest'; role?: string } = {},
    ) => {
      const records: InRecord[] = []
      const started = await transport.createConsumer(
        { role: options.role ?? role, topics: ['APP'], startAt: options.startAt ?? 'beginning' },
        {
          records: (batch) => {
            records.push(...batch.records)
            return Promise.resolve()
          },
          ...handlers,
        },
      )
      shutdown.add('consumer', started.stop)
      return { records, consumer: started.value, stop: started.stop }
    }

    const texts = (records: readonly InRecord[]) => records.map(({ value }) => value.toString())

    test('delivers key, value, headers and time as they were sent', async () => {
      await send([recordOf('a/b', '한글 ✓')])
      const { records } = await consume()
      await eventually(() => expect(records).toHaveLength(1))
      expect(records[0]).toMatchObject({
        key: 'a/b',
        headers: { id: '한글 ✓', schema: '1' },
        timestampMs: recordedAtMs,
        offset: 0,
      })
      expect(texts(records)).toEqual(['한글 ✓'])
    })

    test('keeps the order of each key over sends made one after another', async () => {
      const expected = new Map<string, string[]>()
      for (let round = 0; round < 20; round++) {
        const batch = ['a', 'b', 'c'].map((key) => recordOf(key, `${key}${round}`))
        for (const { key, headers } of batch) expected.set(key, [...(expected.get(key) ?? []), headers['id'] ?? ''])
        await send(batch)
      }
      const { records } = await consume()
      await eventually(() => expect(records).toHaveLength(60))
      for (const [key, ids] of expected)
        expect(records.filter((record) => record.key === key).map(({ headers }) => headers['id'])).toEqual(ids)
    })

    test('goes on after the committed offset, in another consumer of the same role', async () => {
      await send([recordOf('k', 'one'), recordOf('k', 'two')])
      const first = await consume({}, { role })
      await eventually(() => expect(first.records).toHaveLength(2))
      const { partition } = await partitionWith(transport, role)
      await first.consumer.commit([{ topic: 'APP', partition, offset: 1 }])
      await first.stop()
      const second = await consume({}, { role })
      await eventually(() => expect(texts(second.records)).toEqual(['two']))
    })

    test('gives every role all records', async () => {
      await send([recordOf('k', 'one')])
      const one = await consume({}, { role: `${role}-one` })
      const two = await consume({}, { role: `${role}-two` })
      await eventually(() => expect([texts(one.records), texts(two.records)]).toEqual([['one'], ['one']]))
    })

    test('lets the consumer name its own offsets on assignment', async () => {
      await send([recordOf('k', 'one'), recordOf('k', 'two'), recordOf('k', 'three')])
      const { records } = await consume({
        assigned: (partitions) => Promise.resolve(partitions.map((partition) => ({ ...partition, offset: 2 }))),
      })
      await eventually(() => expect(texts(records)).toEqual(['three']))
    })

    test('starts at the end where it is told so', async () => {
      await send([recordOf('k', 'before')])
      const caughtUp = Promise.withResolvers<void>()
      let waitingFor = -1
      const seen = new Set<number>()
      const { records } = await consume(
        {
          assigned: (partitions) => {
            waitingFor = partitions.length
            return Promise.resolve([])
          },
          caughtUp: ({ partition }) => {
            if (seen.add(partition).size === waitingFor) caughtUp.resolve()
          },
        },
        { startAt: 'latest' },
      )
      await caughtUp.promise
      await send([recordOf('k', 'after')])
      await eventually(() => expect(texts(records)).toEqual(['after']))
    })

    test('hands over no further batch of a partition while one is being handled', async () => {
      const gate = Promise.withResolvers<void>()
      let calls = 0
      await consume({
        records: async () => {
          calls++
          await gate.promise
        },
      })
      await send([recordOf('k', 'one')])
      await eventually(() => expect(calls).toBe(1))
      await send([recordOf('k', 'two')])
      await send([recordOf('k', 'three')])
      expect(calls).toBe(1)
      gate.resolve()
      await eventually(() => expect(calls).toBeGreaterThan(1))
    })

    test('offers a batch again until its handler takes it, and passes over nothing', async () => {
      await send([recordOf('k', 'one')])
      const offered: string[] = []
      await consume({
        records: ({ records }) => {
          offered.push(...texts(records))
          return offered.length < 3 ? Promise.reject(new Error('not now')) : Promise.resolve()
        },
      })
      await eventually(() => expect(offered).toEqual(['one', 'one', 'one']))
      await send([recordOf('k', 'two')])
      await eventually(() => expect(offered).toEqual(['one', 'one', 'one', 'two']))
    })

    test('never moves a committed offset back', async () => {
      await send([recordOf('k', 'one'), recordOf('k', 'two'), recordOf('k', 'three')])
      const first = await consume()
      await eventually(() => expect(first.records).toHaveLength(3))
      const { partition } = await partitionWith(transport, role)
      for (const offset of [2, 1]) await first.consumer.commit([{ topic: 'APP', partition, offset }])
      await first.stop()
      const second = await consume()
      await eventually(() => expect(texts(second.records)).toEqual(['three']))
    })

    test('knows how far a consumer is behind', async () => {
      const gate = Promise.withResolvers<void>()
      const { consumer } = await consume({ records: () => gate.promise })
      await send([recordOf('k', 'one')])
      await send([recordOf('k', 'two')])
      const behind = () => consumer.lag().reduce((sum, { records }) => sum + records, 0)
      await eventually(() => expect(behind()).toBeGreaterThan(0))
      gate.resolve()
      await eventually(() => expect(behind()).toBe(0))
    })

    test('says when, and goes on saying that, a partition was read to its end', async () => {
      await send([recordOf('k', 'one')])
      const times = new Map<number, number[]>()
      const { records } = await consume({
        caughtUp: ({ partition }, atMs) => void times.set(partition, [...(times.get(partition) ?? []), atMs]),
      })
      await eventually(() => expect(records).toHaveLength(1))
      // And again while nothing comes: idle partitions follow the clock.
      await eventually(() => expect(times.size).toBeGreaterThan(0))
      await eventually(() => expect([...times.values()].every((ones) => ones.length > 2)).toBe(true))
      for (const ones of times.values()) expect(ones).toEqual(ones.toSorted((a, b) => a - b))
    })

    test('refuses what is too large, and takes the rest', async () => {
      const huge = { ...recordOf('k', 'huge'), value: Buffer.alloc(40 * 2 ** 20, 'x') }
      const { rejected } = await send([recordOf('k', 'before'), huge, recordOf('k', 'after')])
      expect(rejected).toMatchObject([{ index: 1, reason: 'too-large' }])
      const { records } = await consume()
      await eventually(() => expect(texts(records)).toEqual(['before', 'after']))
    })

    test('keeps records and offsets over a restart', async () => {
      await send([recordOf('k', 'one'), recordOf('k', 'two')])
      const first = await consume({}, { role })
      await eventually(() => expect(first.records).toHaveLength(2))
      const { partition } = await partitionWith(transport, role)
      await first.consumer.commit([{ topic: 'APP', partition, offset: 1 }])
      await first.stop()
      transport = await opened.reopen()
      await send([recordOf('k', 'three')])
      const second = await consume({}, { role })
      await eventually(() => expect(texts(second.records)).toEqual(['two', 'three']))
    })

    test('gives up sending when the signal aborts', async () => {
      const producer = await transport.createProducer()
      shutdown.add('producer', producer.stop)
      const aborted = AbortSignal.abort(new Error('stopping'))
      await expect(producer.value.send([recordOf('k', 'one')], aborted)).rejects.toThrow('stopping')
    })
  })
}

/** The partition that holds the records of key `k`: the one whose records a fresh role is given. */
async function partitionWith(transport: Transport, role: string): Promise<{ partition: number }> {
  const found = Promise.withResolvers<{ partition: number }>()
  const started = await transport.createConsumer(
    { role: `${role}-probe`, topics: ['APP'], startAt: 'beginning' },
    {
      records: ({ partition }) => {
        found.resolve({ partition })
        return Promise.resolve()
      },
    },
  )
  const place = await found.promise
  await started.stop()
  return place
}
