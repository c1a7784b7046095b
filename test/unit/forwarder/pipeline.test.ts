import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { nextBulkSize } from '../../../forwarder/bulk-size.ts'
import { OffsetTracker } from '../../../forwarder/offset-tracker.ts'
import { Pipeline } from '../../../forwarder/pipeline.ts'
import { createTelemetry } from '../../../forwarder/telemetry.ts'
import { UnavailableError } from '../../../runtime/errors.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { CutOffError } from '../../../storage/cut-off-error.ts'
import type { Outcome, StoreItem } from '../../../storage/storage.ts'
import type { InRecord, OutRecord, RecordBatch, SendResult } from '../../../transport/transport.ts'

const stored: Outcome = { kind: 'stored', isDuplicate: false }

function record(offset: number, value: string): InRecord {
  return { offset, timestampMs: 0, key: 'k', value: Buffer.from(value), headers: { id: `e${offset}` } }
}

function good(offset: number): InRecord {
  return record(
    offset,
    JSON.stringify({ '@timestamp': '2026-11-24T00:00:00.000Z', event: { id: `e${offset}`, dataset: 'rabbitmq.log' } }),
  )
}

function batch(...records: InRecord[]): RecordBatch {
  return { topic: 'APP', partition: 0, records, highWatermark: (records.at(-1)?.offset ?? 0) + 1 }
}

/** A pipeline over a store that answers as told. */
function pipelineOf(
  answer: (items: readonly StoreItem[]) => Promise<readonly Outcome[]>,
  burials: SendResult['rejected'][] = [],
  writers = 1,
) {
  const buried: OutRecord[] = []
  const metrics = createMetrics()
  const pipeline = new Pipeline({
    store: { write: answer, setup: async () => {}, isConnected: () => true, problem: () => undefined },
    producer: {
      send: async (records) => {
        buried.push(...records)
        return { rejected: burials.shift() ?? [] }
      },
    },
    telemetry: createTelemetry({ log: silentLogger, metrics }),
    writers,
    maxQueuedBytes: 1000,
  })
  const stopping = new AbortController()
  const running = pipeline.run(stopping.signal)
  return {
    pipeline,
    buried,
    metrics,
    signal: stopping.signal,
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

describe('the forwarder', () => {
  test('commits the offset after the last stored record', async () => {
    const { pipeline, signal, stop } = pipelineOf(async (items) => items.map(() => stored))
    await pipeline.take(batch(good(5), good(6)), signal)
    await pipeline.drained(signal)
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 7 }])
    expect(pipeline.due()).toEqual([])
    await stop()
  })

  test('leaves a write that does not end behind and writes the same anew: its late answer changes nothing', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const hanging = Promise.withResolvers<readonly Outcome[]>()
    const writes: string[][] = []
    const { pipeline, signal, stop, buried, metrics } = pipelineOf((items) => {
      writes.push(items.map(({ id }) => id))
      return writes.length === 1 ? hanging.promise : Promise.resolve(items.map(() => stored))
    })
    await pipeline.take(batch(good(0), good(1)), signal)
    await vi.advanceTimersByTimeAsync(179_000)
    expect([writes.length, pipeline.due()]).toEqual([1, []])
    await vi.advanceTimersByTimeAsync(3000)
    expect(writes).toEqual([['e0', 'e1'], ['e0'], ['e1']])
    // Were it heard, both would be refused as well, and settled twice.
    hanging.resolve([0, 1].map(() => ({ kind: 'reject', reason: 'late', error: 'too late' })))
    await pipeline.drained(signal)
    expect([pipeline.due(), buried]).toEqual([[{ topic: 'APP', partition: 0, offset: 2 }], []])
    const text = await metrics.registry.metrics()
    expect(text).toMatch(/^thump_store_hung_total 1$/m)
    expect(text).toMatch(/^thump_stored_total\{outcome="stored"\} 2$/m)
    expect(text).not.toMatch(/^thump_dead_letters_total\{/m)
    await stop()
  })

  test('tries fewer at once where larger writes get no answer, and learns how many pass', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const sizes: number[] = []
    const { pipeline, signal, stop, metrics } = pipelineOf(async (items) => {
      sizes.push(items.length)
      // As a proxy does that resets what is large.
      if (items.length > 300) throw new UnavailableError('Elasticsearch', new Error('read ECONNRESET'))
      return items.map(() => stored)
    })
    const records = Array.from({ length: 3800 }, (_, offset) => good(offset))
    void pipeline.take(batch(...records), signal)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 3800 }])
    expect(sizes.slice(0, 4)).toEqual([2000, 1000, 500, 250])
    // What comes next is not tried in such numbers again.
    expect(sizes.filter((size) => size > 800)).toEqual([2000, 1000])
    expect(await metrics.registry.metrics()).toMatch(/^thump_stored_total\{outcome="stored"\} 3800$/m)
    await stop()
  })

  test('buries an event that is cut off alone for a minute and more while others pass, once', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { pipeline, signal, stop, buried, metrics } = pipelineOf(async (items) => {
      if (items.some(({ id }) => id === 'e7' || id === 'e30'))
        throw new CutOffError('Elasticsearch', new Error('read ECONNRESET'))
      return items.map(() => stored)
    })
    void pipeline.take(batch(...Array.from({ length: 50 }, (_, offset) => good(offset))), signal)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([buried, pipeline.unsettled]).toEqual([[], 2])
    await vi.advanceTimersByTimeAsync(600_000)
    const letters = new Map(buried.map(({ headers: { id, reason, error } }) => [id, [reason, error]]))
    const cutOff = ['cut-off', 'read ECONNRESET']
    expect([buried.length, letters]).toEqual([
      2,
      new Map([
        ['e7', cutOff],
        ['e30', cutOff],
      ]),
    ])
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 50 }])
    const text = await metrics.registry.metrics()
    expect(text).toMatch(/^thump_stored_total\{outcome="stored"\} 48$/m)
    expect(text).not.toMatch(/outcome="duplicate"/)
    await stop()
  })

  test('buries nothing while all is cut off, however long, and stores it afterwards', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    let isDown = false
    const { pipeline, signal, stop, buried } = pipelineOf(async (items) => {
      if (isDown) throw new CutOffError('Elasticsearch', new Error('read ECONNRESET'))
      return items.map(() => stored)
    })
    await pipeline.take(batch(good(0)), signal)
    await pipeline.drained(signal)
    isDown = true
    await pipeline.take(batch(good(1), good(2)), signal)
    await vi.advanceTimersByTimeAsync(7_200_000)
    expect([buried, pipeline.unsettled]).toEqual([[], 2])
    isDown = false
    await vi.advanceTimersByTimeAsync(60_000)
    expect([buried, pipeline.due()]).toEqual([[], [{ topic: 'APP', partition: 0, offset: 3 }]])
    await stop()
  })

  test('stops although a write does not end', async () => {
    const { pipeline, signal, stop } = pipelineOf(() => new Promise(() => {}))
    await pipeline.take(batch(good(0)), signal)
    await stop()
    expect(pipeline.due()).toEqual([])
  })

  test('tries only what may succeed later again, and commits nothing before it is settled', async () => {
    const writes: string[][] = []
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      writes.push(items.map(({ id }) => id))
      return items.map(
        ({ id }): Outcome => (writes.length === 1 && id === 'e1' ? { kind: 'retry', reason: 'http-429' } : stored),
      )
    })
    await pipeline.take(batch(good(0), good(1), good(2)), signal)
    await pipeline.drained(signal)
    expect(writes).toEqual([['e0', 'e1', 'e2'], ['e1']])
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 3 }])
    await stop()
  })

  test('writes fewer at once after some were refused for now', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const sizes: number[] = []
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      sizes.push(items.length)
      return items.map(
        ({ id }): Outcome => (sizes.length === 1 && id === 'e1' ? { kind: 'retry', reason: 'http-429' } : stored),
      )
    })
    void pipeline.take(batch(...Array.from({ length: 4000 }, (_, offset) => good(offset))), signal)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sizes).toEqual([2000, 1, 1000, 1000])
    await stop()
  })

  test('has as many writes under way as there are writers, and commits nothing before the first has ended', async () => {
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
    let started = 0
    const write = async (items: readonly StoreItem[]) => {
      await gates[started++]?.promise
      return items.map(() => stored)
    }
    const { pipeline, signal, stop } = pipelineOf(write, [], 3)
    for (const first of [0, 1, 2]) {
      await pipeline.take(batch(good(first)), signal)
      await new Promise(setImmediate)
    }
    expect(started).toBe(3)
    for (const last of [2, 1]) gates[last]?.resolve()
    await new Promise(setImmediate)
    expect(pipeline.due()).toEqual([])
    gates[0]?.resolve()
    await pipeline.drained(signal)
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 3 }])
    await stop()
  })

  test('sends what the store refuses to DEADLETTER with its bytes, its place and the reason', async () => {
    const { pipeline, buried, signal, stop } = pipelineOf(async (items) =>
      items.map((): Outcome => ({ kind: 'reject', reason: 'mapper_parsing_exception', error: 'not a date' })),
    )
    await pipeline.take(batch(good(9)), signal)
    await pipeline.drained(signal)
    expect(buried).toHaveLength(1)
    expect(buried[0]).toMatchObject({
      topic: 'DEADLETTER',
      value: good(9).value,
      headers: { reason: 'mapper_parsing_exception', topic: 'APP', partition: '0', offset: '9', error: 'not a date' },
    })
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 10 }])
    await stop()
  })

  test.each([
    ['not JSON', '{"half', 'not-json'],
    ['an array', '[]', 'not-an-object'],
    ['without an id', '{"@timestamp":"2026-11-24T00:00:00Z","event":{}}', 'no-id'],
    ['without a time', '{"event":{"id":"x"}}', 'no-time'],
  ])('lets a poisoned record (%s) stop nothing', async (_, value, reason) => {
    const { pipeline, buried, signal, stop } = pipelineOf(async (items) => items.map(() => stored))
    await pipeline.take(batch(record(0, value), good(1)), signal)
    await pipeline.drained(signal)
    expect(buried.map(({ headers }) => headers['reason'])).toEqual([reason])
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 2 }])
    await stop()
  })

  test('writes the same batch again when the outcome of the whole is unknown', async () => {
    let calls = 0
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      if (++calls === 1) throw new UnavailableError('store')
      return items.map(() => stored)
    })
    await pipeline.take(batch(good(0)), signal)
    await pipeline.drained(signal)
    expect(calls).toBe(2)
    await stop()
  })

  test('pauses reading while too much waits', async () => {
    const gate = Promise.withResolvers<void>()
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      await gate.promise
      return items.map(() => stored)
    })
    await pipeline.take(batch(good(0)), signal)
    let isTaken = false
    const large = batch(...Array.from({ length: 3000 }, (_, index) => good(index + 1)))
    const taking = pipeline.take(large, signal).then(() => (isTaken = true))
    await Promise.resolve()
    expect(isTaken).toBe(false)
    gate.resolve()
    await taking
    await pipeline.drained(signal)
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 3001 }])
    await stop()
  })

  test('forgets what belongs to a partition that was taken away', async () => {
    const gate = Promise.withResolvers<void>()
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      await gate.promise
      return items.map(() => stored)
    })
    await pipeline.take(batch(good(0)), signal)
    const released = await pipeline.release([{ topic: 'APP', partition: 0 }], AbortSignal.abort())
    gate.resolve()
    await pipeline.drained(signal)
    expect([released, pipeline.due()]).toEqual([[], []])
    await stop()
  })

  test('writes what it has in the order of time, and commits in that of offsets', async () => {
    const gate = Promise.withResolvers<void>()
    const writes: string[][] = []
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      writes.push(items.map(({ id }) => id))
      await gate.promise
      return items.map(() => stored)
    })
    const at = (offset: number, second: number) =>
      record(
        offset,
        JSON.stringify({ '@timestamp': `2026-11-24T00:00:0${second}.000Z`, event: { id: `e${offset}`, dataset: 'd' } }),
      )
    await pipeline.take(batch(at(0, 9)), signal)
    await new Promise(setImmediate)
    await pipeline.take(batch(at(1, 5), at(2, 7)), signal)
    await pipeline.take({ ...batch(at(3, 4), at(4, 6)), partition: 1 }, signal)
    gate.resolve()
    await pipeline.drained(signal)
    expect(writes).toEqual([['e0'], ['e3', 'e1', 'e4', 'e2']])
    expect(pipeline.due()).toEqual([
      { topic: 'APP', partition: 0, offset: 3 },
      { topic: 'APP', partition: 1, offset: 5 },
    ])
    await stop()
  })

  test('waits for what is being written when a partition is taken away, and leaves the rest of it', async () => {
    const gate = Promise.withResolvers<void>()
    const written: string[] = []
    const { pipeline, signal, stop } = pipelineOf(async (items) => {
      await gate.promise
      written.push(...items.map(({ id }) => id))
      return items.map(() => stored)
    })
    await pipeline.take(batch(good(0)), signal)
    await new Promise(setImmediate)
    await pipeline.take(batch(good(1)), signal)
    const releasing = pipeline.release([{ topic: 'APP', partition: 0 }], signal)
    gate.resolve()
    expect(await releasing).toEqual([{ topic: 'APP', partition: 0, offset: 1 }])
    await pipeline.drained(signal)
    expect([written, pipeline.due()]).toEqual([['e0'], []])
    await stop()
  })

  test('what DEADLETTER finds too large is cut, and what it refuses otherwise is never let go of', async () => {
    const answers: SendResult['rejected'][] = [
      [{ index: 0, reason: 'too-large', error: 'MESSAGE_TOO_LARGE' }],
      [{ index: 0, reason: 'not-authorized', error: 'TOPIC_AUTHORIZATION_FAILED' }],
    ]
    const { pipeline, buried, signal, stop } = pipelineOf(async (items) => items.map(() => stored), answers)
    await pipeline.take(batch(record(0, `"${'x'.repeat(100_000)}`)), signal)
    await pipeline.drained(signal)
    expect(buried.map(({ value, headers }) => [value.length, headers['cut-from']])).toEqual([
      [100_001, undefined],
      [65_536, '100001'],
      [65_536, '100001'],
    ])
    expect(pipeline.due()).toEqual([{ topic: 'APP', partition: 0, offset: 1 }])
    await stop()
  })
})

describe('offsets', () => {
  test('wait for the batches before them', () => {
    const tracker = new OffsetTracker()
    const first = tracker.take(batch(good(0), good(1)))
    const second = tracker.take(batch(good(2)))
    second.remaining = 0
    expect(tracker.due()).toEqual([])
    first.remaining = 0
    expect(tracker.due()).toEqual([{ topic: 'APP', partition: 0, offset: 3 }])
  })
})

describe('the size of a write', () => {
  const full = { documents: 1000, tookMs: 100, wasPushedBack: false }
  test.each([
    ['halves when the store pushes back', 1000, { wasPushedBack: true }, 500],
    ['grows by a step when a full one went well', 1000, {}, 1500],
    ['stays when it was not full', 1000, { documents: 30 }, 1000],
    ['shrinks when its answer takes long', 1000, { tookMs: 5000 }, 750],
    ['never falls below fifty', 60, { wasPushedBack: true }, 50],
    ['never grows beyond four thousand', 4000, { documents: 4000 }, 4000],
  ])('%s', (_, documents, result, expected) => {
    expect(nextBulkSize({ documents }, { ...full, ...result })).toEqual({ documents: expected })
  })
})
