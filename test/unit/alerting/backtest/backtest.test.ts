import { Readable } from 'node:stream'
import { createGunzip, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { backtest, type BacktestRequest } from '../../../../alerting/backtest/backtest.ts'
import { backtestJson, printBacktest } from '../../../../alerting/backtest/print-backtest.ts'
import { fromFiles, fromStorage, type RecordedEvent, type Recording } from '../../../../alerting/backtest/recorded.ts'
import { topicOfLine } from '../../../../alerting/backtest/topic-of.ts'
import type { ThumpEvent } from '../../../../event/event.ts'
import type { EventSearch } from '../../../../storage/storage.ts'
import { rulesOf } from '../rule-source.ts'

const noonMs = Date.parse('2026-01-05T12:00:00Z')
const dayMs = 86_400_000

function event(seconds: number, fields: Record<string, unknown>, dataset = 'rabbitmq.event'): ThumpEvent {
  const { code, ...rest } = fields
  return {
    '@timestamp': new Date(noonMs + seconds * 1000).toISOString(),
    event: {
      id: `e${seconds}-${JSON.stringify(fields)}`,
      dataset,
      ...(code !== undefined && { code: code as string }),
    },
    message: 'it happened',
    service: { type: 'rabbitmq' },
    agent: { id: 'a', version: '0' },
    ...rest,
  }
}
const deletion = (seconds: number, queue: string) =>
  event(seconds, { amqp: { operation: 'queue.delete' }, rabbitmq: { queue } })

const lines = (...events: readonly unknown[]) => events.map((each) => `${JSON.stringify(each)}\n`).join('')
const files = (texts: Readonly<Record<string, string>>) =>
  fromFiles(Object.keys(texts), (path) => Readable.from([Buffer.from(texts[path] ?? '')]))

const run = (recording: Recording, rules: string, rest: Partial<BacktestRequest> = {}) =>
  backtest({
    rules: rulesOf(rules),
    recording,
    nowMs: noonMs + 30 * dayMs,
    timezone: 'Asia/Seoul',
    allowedLatenessMs: 30_000,
    ...rest,
  })

const deleted =
  'rules:\n- {id: deleted, topic: AMQP, type: match, where: {amqp.operation: queue.delete}, groupBy: rabbitmq.queue, summary: "queue {{rabbitmq.queue}} is gone"}\n'
const silent =
  'rules:\n- {id: silent, topic: AMQP, type: absence, where: {amqp.operation: queue.declare}, absence: {for: 10m}}\n'

describe('what rules would have told', () => {
  test('firings are counted per rule, key and day of the zone, with samples', async () => {
    // 15:00 UTC is midnight in Seoul.
    const text = lines(deletion(0, 'a'), deletion(3600, 'a'), deletion(4 * 3600, 'b'))
    const { rules, events } = await run(files({ x: text }), deleted)
    expect(events).toBe(3)
    const [tally] = rules
    expect(tally).toMatchObject({ matched: 3, firings: 3, resolved: 2 })
    expect([...(tally?.days ?? [])]).toEqual([
      ['2026-01-05', 2],
      ['2026-01-06', 1],
    ])
    expect([...(tally?.keys ?? [])]).toEqual([
      ['rabbitmq.queue=a', 2],
      ['rabbitmq.queue=b', 1],
    ])
    expect(tally?.samples[0]).toMatchObject({ atMs: noonMs, summary: 'queue a is gone' })
  })

  test('what time alone decides is decided at its own time, also over a day without events', async () => {
    const declared = (seconds: number) => event(seconds, { amqp: { operation: 'queue.declare' } })
    const { rules } = await run(files({ x: lines(declared(0), declared(86_400)) }), silent)
    expect(rules[0]?.samples.map(({ atMs }) => atMs - noonMs)).toEqual([600_000])
    expect(rules[0]?.resolved).toBe(1)
  })

  test('time goes on to the end of the range, and not beyond', async () => {
    const text = lines(event(0, { amqp: { operation: 'queue.declare' } }))
    const until = (ms: number) => run(files({ x: text }), silent, { range: { sinceMs: noonMs, untilMs: noonMs + ms } })
    expect((await until(599_000)).rules[0]?.firings).toBe(0)
    expect((await until(600_000)).rules[0]?.firings).toBe(1)
  })

  test('nothing at all is silence too', async () => {
    const range = { sinceMs: noonMs, untilMs: noonMs + 3_600_000 }
    expect((await run(files({ x: '' }), silent, { range })).rules[0]?.firings).toBe(1)
  })

  test('lines that are no object and times to come are counted and do not stop it', async () => {
    const future = { ...deletion(0, 'late'), '@timestamp': '2099-01-01T00:00:00.000Z' }
    const { rules, invalid, ahead } = await run(
      files({ x: `${lines(deletion(0, 'a'))}no json\n\n[1]\nnull\n${lines(future, deletion(60, 'b'))}` }),
      deleted,
    )
    expect({ invalid, ahead, firings: rules[0]?.firings }).toEqual({ invalid: 3, ahead: 1, firings: 3 })
  })

  test('several files are merged by time', async () => {
    const sequence =
      'rules:\n- {id: s, topic: [APP, AMQP], type: sequence, within: 1m, steps: [{topic: AMQP, where: {amqp.operation: queue.delete}}, {topic: APP, where: {event.code: x}}]}\n'
    const log = event(10, { code: 'x' }, 'rabbitmq.log')
    const { rules } = await run(files({ b: lines(log), a: lines(deletion(5, 'q'), deletion(600, 'q')) }), sequence)
    expect(rules[0]?.firings).toBe(1)
  })

  test('a packed file and a line over two chunks are read as they are', async () => {
    const packed = gzipSync(lines(deletion(0, 'ä'), deletion(1, 'b')))
    const recording = fromFiles(['x.gz'], () => {
      const pieces = Array.from(packed, (byte) => Buffer.from([byte]))
      return Readable.from(pieces).pipe(createGunzip())
    })
    expect((await run(recording, deleted)).rules[0]?.samples.map(({ summary }) => summary)).toEqual([
      'queue ä is gone',
      'queue b is gone',
    ])
  })

  test('storage is read page by page, oldest first', async () => {
    const stored = [[deletion(0, 'a'), deletion(1, 'b')], [deletion(2, 'c')]]
    const asked: Array<string | undefined> = []
    const search = {
      search: ({ after }: { after?: string }) => {
        asked.push(after)
        const at = Number(after ?? 0)
        return Promise.resolve({ events: stored[at] ?? [], ...(at === 0 && { next: '1' }) })
      },
    } as unknown as EventSearch
    const range = { sinceMs: noonMs, untilMs: noonMs + 60_000 }
    expect((await run(fromStorage(search, range), deleted, { range })).rules[0]?.firings).toBe(3)
    expect(asked).toEqual([undefined, '1'])
  })

  test('a failing storage fails the backtest', async () => {
    const search = { search: () => Promise.reject(new Error('away')) } as unknown as EventSearch
    const range = { sinceMs: noonMs, untilMs: noonMs + 1 }
    await expect(run(fromStorage(search, range), deleted, { range })).rejects.toThrow('away')
  })
})

describe('against the rules that run', () => {
  const counted = (gte: number, id = 'c') =>
    `- {id: ${id}, topic: AMQP, type: count, where: {amqp.operation: queue.delete}, groupBy: rabbitmq.queue, count: {gte: ${gte}, within: 1m}}\n`
  const text = lines(...[0, 1, 2, 3].flatMap((at) => [deletion(at, 'a')]), deletion(10, 'b'), deletion(11, 'b'))
  const compare = async (running: string, tested: string) =>
    (await run(files({ x: text }), `rules:\n${tested}`, { running: rulesOf(`rules:\n${running}`) })).difference

  test('an equal rule is not told', async () => {
    expect(await compare(counted(3), counted(3))).toEqual([])
  })

  test('an edited one tells what it gains and loses', async () => {
    expect(await compare(counted(3), counted(2))).toEqual([
      { id: 'c', kind: 'edited', running: 1, tested: 2, gained: 2, lost: 1 },
    ])
  })

  test('words alone are no difference', async () => {
    expect(await compare(counted(3), counted(3).replace('count: {', 'severity: critical, count: {'))).toEqual([])
  })

  test('a new rule and a removed one are told with their firings', async () => {
    expect(await compare(counted(3, 'old'), counted(2, 'fresh'))).toEqual([
      { id: 'old', kind: 'removed', running: 1, tested: 0, gained: 0, lost: 1 },
      { id: 'fresh', kind: 'added', running: 0, tested: 2, gained: 2, lost: 0 },
    ])
  })
})

describe('as it is printed', () => {
  const wording = { timezone: 'UTC', comparedWith: 'nothing', tookMs: 1000 }

  test('for people, with text of strangers made harmless', async () => {
    const result = await run(files({ x: lines(deletion(0, 'evil\u001b[2J')) }), `${deleted}${silent.slice(7)}`)
    const printed = printBacktest(result, wording)
    expect(printed).toContain('1 firings of 2 rules over 1 events, 2026-01-05 12:00:00 to 2026-01-05 12:00:00 (UTC)')
    expect(printed).toMatch(/deleted +warning +1 +1 +1/)
    expect(printed).toContain('did not fire: 1 rules')
    expect(printed).not.toContain('\u001b')
  })

  test('for programs', async () => {
    const result = await run(files({ x: lines(deletion(0, 'a')) }), deleted)
    expect(backtestJson(result, wording)).toMatchObject({
      events: 1,
      since: '2026-01-05T12:00:00.000Z',
      rules: [{ id: 'deleted', firings: 1, open: 1, topKeys: [{ key: 'rabbitmq.queue=a', firings: 1 }] }],
    })
  })
})

describe('the topic of a line', () => {
  test.each<[string, unknown, string]>([
    ['an operation', deletion(0, 'a'), 'AMQP'],
    ['a log line', event(0, {}, 'rabbitmq.log'), 'APP'],
    ['a measurement', event(0, {}, 'rabbitmq.node'), 'METRIC'],
    ['its own', event(0, {}, 'thump.agent'), 'THUMP'],
    ["an input's own dataset", event(0, {}, 'nginx.access'), 'APP'],
    ['another order of fields', { event: { x: {}, dataset: 'rabbitmq.trace' } }, 'AMQP'],
    ['dotted names', { 'event.dataset': 'rabbitmq.queue' }, 'METRIC'],
    ['a dataset of another object', { event: { id: 'x' }, app: { dataset: 'rabbitmq.event' } }, 'APP'],
    ['no dataset', {}, 'APP'],
    ['no object', null, 'APP'],
  ])('%s', (_, value, topic) => {
    expect(topicOfLine(Buffer.from(JSON.stringify(value)))).toBe(topic)
  })

  test('what is no JSON has one all the same', () => {
    expect(topicOfLine(Buffer.from('"event":{"dataset'))).toBe('APP')
  })
})

test('events of a batch are those of the file, in its order', async () => {
  const found: RecordedEvent[] = []
  for await (const batch of files({ x: lines(deletion(0, 'a'), deletion(1, 'b')) })) found.push(...batch)
  expect(found.map(({ atMs, topic }) => [atMs, topic])).toEqual([
    [noonMs, 'AMQP'],
    [noonMs + 1000, 'AMQP'],
  ])
})
