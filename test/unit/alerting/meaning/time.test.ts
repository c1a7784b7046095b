import { describe, expect, test } from 'vitest'
import { scannedCharacters } from '../../../../alerting/rules/predicate.ts'
import { benchOf } from '../engine-bench.ts'

const count = (more = '') => `
rules:
- id: r
  topic: APP
  type: count
  where: {log.level: error}
  count: {gte: 3, within: 60s}
${more}`
const match = (more = '') => `
rules:
- id: r
  topic: APP
  type: match
  where: {log.level: error}
  groupBy: service.node.name
${more}`
const absence = (more = '') => `
rules:
- id: r
  topic: APP
  type: absence
  groupBy: service.node.name
  absence: {for: 2m}
${more}`
const error = (at: number, more: object = {}) => ({ at, 'log.level': 'error', ...more })
const of = (at: number, node: string) => error(at, { 'service.node.name': node })
const heartbeat = (at: number, node: string) => ({
  at,
  'event.dataset': 'thump.agent',
  event: { dataset: 'thump.agent', action: 'heartbeat', id: `h${node}${at}` },
  service: { node: { name: node } },
})

describe('early and late', () => {
  test('S10 an upper bound fires on arrival', () => {
    const bench = benchOf(count())
    bench.read([error(0), error(1), error(2)])
    expect(bench.told()).toEqual(['firing r @2'])
  })

  test('S13 an event that comes late, yet not too late, is inserted at its own time', () => {
    const bench = benchOf(count())
    bench.read([error(0), error(50), error(20)])
    expect(bench.told()).toEqual(['firing r @50'])
  })

  test('M3 S12 an event at or before watermark minus window is late: counted, never silently away', () => {
    const bench = benchOf(count())
    bench.read([error(200), error(110), error(111)])
    // 200 s less 30 s of lateness less the window of 60 s.
    expect(bench.counted).toMatchObject({ late: 1, matched: 3 })
  })

  test('M3 however late, it still satisfies a match', () => {
    const bench = benchOf(match())
    bench.read([of(5000, 'a'), of(1, 'b')])
    expect(bench.told()).toContain('firing r b @1 catch-up')
  })

  test('S11 M4 what needs the want of events waits for the watermark', () => {
    const bench = benchOf(count())
    bench.read([error(0), error(1), error(2)])
    bench.told()
    bench.idle(89)
    expect(bench.told()).toEqual([])
    bench.idle(90)
    expect(bench.told()).toEqual(['resolved r @60'])
  })

  test('S4 an event from the future is taken as of now, and counted: it does not carry the watermark away', () => {
    const bench = benchOf(count())
    bench.read([error(86_400)], { wall: 0 })
    bench.read([error(1), error(2)])
    expect(bench.counted).toMatchObject({ ahead: 1 })
    expect(bench.told()).toEqual(['firing r @2'])
  })

  test("S3 S5 without a readable time the record's own time counts; what is no object is counted", () => {
    const bench = benchOf(match())
    bench.read([{ at: 7, '@timestamp': 'yesterday', 'log.level': 'error', 'service.node.name': 'a' }])
    const value = (text: string) => [{ offset: 1, timestampMs: 0, value: Buffer.from(text) }]
    for (const [offset, text] of ['null', '[]', '"x"', '', '{', '7'].entries())
      bench.engine.take(
        { topic: 'APP', partition: 1, records: value(text).map((record) => ({ ...record, offset })), highWatermark: 9 },
        0,
      )
    expect(bench.told()).toEqual(['firing r a @7'])
    expect(bench.counted).toMatchObject({ 'not-an-object': 6 })
  })
})

test('S56 of a long text what is scanned counts, and that it is more is counted as well', () => {
  const bench = benchOf('rules:\n- {id: r, topic: APP, type: match, where: {message.contains: needle}, quiet: 0s}\n')
  const hay = 'x'.repeat(scannedCharacters)
  bench.read([{ at: 1, message: `${hay}needle` }])
  expect([bench.told(), bench.counted['long text']]).toEqual([[], 1])
  bench.read([{ at: 2, message: `needle${hay}` }])
  expect([bench.told()[0], bench.counted['long text']]).toEqual(['firing r @2', 2])
  bench.read([{ at: 3, message: 'needle', app: { parts: Array.from({ length: 9 }, () => hay.slice(0, 9000)) } }])
  expect([bench.told()[0], bench.counted['long text']]).toEqual(['firing r @3', 2])
})

test('S48 a composite whose member is over by an event ends at once', () => {
  const own = '{log.level: error}, resolveWhen: {log.level: info}'
  const bench = benchOf(
    `rules:\n- {id: m, topic: APP, type: match, where: ${own}}\n- {id: c, type: composite, needs: {allOf: [m]}}\n`,
  )
  bench.read([error(1), { at: 2, 'log.level': 'info' }])
  expect(bench.told()).toEqual(['firing m @1', 'firing c @1', 'resolved m @2', 'resolved c @2'])
})

describe('a wall clock that jumps', () => {
  test('S6 set back: what was decided stays decided, and what comes is taken', () => {
    const bench = benchOf(count())
    bench.read([error(1), error(2), error(3)])
    bench.idle(100)
    expect(bench.told()).toEqual(['firing r @3', 'resolved r @61'])
    bench.idle(10)
    bench.read([error(71), error(72), error(73)], { wall: 73 })
    expect(bench.told()).toEqual(['firing r @73'])
  })

  test('S6 M3 ahead: what comes after it is mended is late for windows, counted, and still a match', () => {
    const bench = benchOf(`${count()}${match().replace('rules:\n', '').replace('id: r', 'id: m')}`)
    bench.idle(86_400)
    bench.read([of(11, 'a'), of(12, 'a')], { wall: 12 })
    expect(bench.counted).toMatchObject({ late: 2 })
    expect(bench.told()).toContain('firing m a @11')
  })
})

describe('watermarks', () => {
  test('S7 of a rule: the least over the partitions of its topics', () => {
    const bench = benchOf(count())
    bench.engine.assign('APP', 1)
    bench.read([error(0), error(1), error(2)])
    bench.told()
    bench.read([error(400, { 'log.level': 'info' })], { partition: 0 })
    bench.settle(401)
    expect(bench.told()).toEqual([])
    bench.idle(402, 'APP', 1)
    expect(bench.told()).toEqual(['resolved r @60'])
  })

  test('S8 M4 a partition follows wall clock only after five seconds without a record', () => {
    const bench = benchOf(count())
    bench.read([error(0), error(1), error(2)])
    bench.told()
    bench.engine.caughtUp('APP', 0, Date.parse('2026-01-05T12:10:00Z'))
    bench.settle(600)
    expect(bench.told()).toEqual([])
    bench.engine.caughtUp('APP', 0, Date.parse('2026-01-05T12:10:05Z'))
    bench.settle(605)
    expect(bench.told()).toEqual(['resolved r @60'])
  })
})

describe('absence and outages of the product itself', () => {
  test('S9 is not decided before what lay there at the start has been read, and then in event time', () => {
    const bench = benchOf(absence())
    bench.read([of(0, 'a')], { lag: 3 })
    bench.read([of(60, 'b')], { lag: 2, wall: 1000 })
    bench.read([of(150, 'a')], { lag: 1, wall: 1001 })
    bench.settle(1002)
    expect(bench.told()).toEqual([])
    bench.read([of(180, 'b')], { wall: 1003 })
    bench.settle(1003)
    expect(bench.told()).toEqual(['firing r a @120', 'resolved r a @150'])
  })

  test('M5 S9 is not decided while a partition is behind; a key silent over the outage fires once after it', () => {
    const bench = benchOf(absence())
    bench.read([of(0, 'a'), of(0, 'b')])
    bench.read([of(100, 'b')], { wall: 2000, lag: 100 })
    bench.read(
      Array.from({ length: 18 }, (_, index) => of(200 + index * 100, 'b')),
      { wall: 2001, lag: 1 },
    )
    bench.settle(2001)
    expect(bench.told()).toEqual([])
    bench.read([of(2001, 'b')])
    bench.settle(2001)
    expect(bench.told()).toEqual(['firing r a @120 catch-up'])
    bench.idle(2100)
    expect(bench.told()).toEqual([])
  })

  test("M6 is suspended for a node whose agent's heartbeat has stopped, and begins anew when it is back", () => {
    const bench = benchOf(absence())
    bench.idle(1, 'THUMP')
    bench.read([heartbeat(0, 'a'), heartbeat(0, 'b')], { topic: 'THUMP' })
    bench.read([of(100, 'a'), of(100, 'b')])
    bench.read([heartbeat(200, 'b'), heartbeat(300, 'b')], { topic: 'THUMP' })
    bench.idle(300)
    // b's agent lives, so b's silence is b's own; a's agent has been silent for three minutes.
    expect(bench.told()).toEqual(['firing r b @220'])
    bench.read([heartbeat(320, 'a')], { topic: 'THUMP', wall: 320 })
    bench.idle(321)
    expect(bench.told()).toEqual([])
    bench.read([heartbeat(380, 'a'), heartbeat(440, 'a')], { topic: 'THUMP', wall: 440 })
    bench.idle(440)
    expect(bench.told()).toEqual(['firing r a @390'])
  })
})

describe('what happens again', () => {
  test('M9 an event id that already changed a rule is not counted again', () => {
    const bench = benchOf(count())
    bench.read([0, 1, 2, 3].map((at) => error(at, { 'event.id': 'same' })))
    expect(bench.told()).toEqual([])
    expect(bench.counted).toMatchObject({ duplicate: 3 })
  })

  test('records that are read again after a reconnect are not taken twice', () => {
    const bench = benchOf(count())
    const records = [0, 1].map((offset) => ({ offset, timestampMs: 0, value: Buffer.from('{"log.level":"error"}') }))
    for (let again = 0; again < 3; again++)
      bench.engine.take({ topic: 'APP', partition: 0, records, highWatermark: 2 }, 0)
    bench.settle(1)
    expect(bench.counted).toMatchObject({ matched: 2 })
  })

  test('M8 the same events give the same alert ids', () => {
    const ids = [0, 1].map(() => {
      const bench = benchOf(count())
      bench.engine.take(
        {
          topic: 'APP',
          partition: 0,
          highWatermark: 3,
          records: [0, 1, 2].map((offset) => ({
            offset,
            timestampMs: offset,
            value: Buffer.from('{"log.level":"error"}'),
          })),
        },
        10,
      )
      return bench.engine.changes().transitions.map(({ alertId }) => alertId)
    })
    expect(ids[0]).toEqual(ids[1])
    expect(ids[0]).toHaveLength(1)
  })

  test('M11 events older than maxEventAge on arrival are decided as catch-up', () => {
    const bench = benchOf(match())
    bench.read([of(0, 'a'), of(1000, 'b')], { wall: 1000 })
    expect(bench.told().slice(0, 2)).toEqual(['firing r a @0 catch-up', 'firing r b @1000'])
  })

  test('M7 set, cleared and set again within one batch stay three transitions in order', () => {
    const bench = benchOf(match('  resolveWhen: {log.level: info}\n'))
    bench.read([of(0, 'a'), { ...of(1, 'a'), 'log.level': 'info' }, of(2, 'a')])
    expect(bench.told()).toEqual(['firing r a @0', 'resolved r a @1', 'firing r a @2'])
  })
})

describe('restarts and edits', () => {
  test('M12 a window of four of five goes on at four', () => {
    const rules = count().replace('gte: 3', 'gte: 5')
    const before = benchOf(rules)
    before.read([0, 1, 2, 3].map((at) => error(at)))
    const after = benchOf(rules, { saved: before.saved(), wall: 5 })
    after.read([error(6)])
    expect(after.told()).toEqual(['firing r @6'])
  })

  test('an alert that was open is resolved by the next process, once', () => {
    const before = benchOf(count())
    before.read([error(0), error(1), error(2)])
    const after = benchOf(count(), { saved: before.saved(), wall: 5 })
    after.engine.assign('APP', 0)
    after.idle(200)
    after.idle(300)
    expect(after.told()).toEqual(['resolved r @60'])
  })

  test('S53 S54 an edited window begins anew and closes its alerts silently; other edits keep state', () => {
    const before = benchOf(count())
    before.read([error(0), error(1), error(2)])
    const edited = benchOf(count().replace('60s', '61s'), { saved: before.saved(), wall: 5 })
    expect(edited.told()).toEqual(['resolved r @5 silent'])
    const renamed = benchOf(count('  severity: critical\n'), { saved: before.saved(), wall: 5 })
    expect(renamed.told()).toEqual([])
  })

  test('S55 a removed rule closes its alerts silently, at a reload and at a start', () => {
    const before = benchOf(count())
    before.read([error(0), error(1), error(2)])
    before.told()
    const saved = before.saved()
    before.engine.replaceRules([], Date.parse('2026-01-05T12:00:09Z'))
    before.settle(9)
    expect(before.told()).toEqual(['resolved r @9 silent'])
    expect(benchOf('rules: []', { saved, wall: 9 }).told()).toEqual(['resolved r @9 silent'])
  })
})

describe('keys', () => {
  test('S30 M13 are exact: case and type kept; an array makes one key an element; a missing field is skipped and counted', () => {
    const bench = benchOf(match())
    bench.read([
      of(0, 'a'),
      of(0, 'A'),
      error(0, { 'service.node.name': 1 }),
      error(0, { 'service.node.name': ['x', 'y'] }),
      error(0),
    ])
    expect(bench.told()).toEqual(['firing r a @0', 'firing r A @0', 'firing r 1 @0', 'firing r x @0', 'firing r y @0'])
    expect(bench.counted).toMatchObject({ 'missing-key': 1 })
  })

  test('S31 at maxKeys the stalest gives way and is counted; a key with an open alert never does', () => {
    const bench = benchOf(`${count('  groupBy: service.node.name\n  maxKeys: 2\n')}`)
    bench.read([of(0, 'a'), of(1, 'a'), of(2, 'a'), of(3, 'b'), of(4, 'c'), of(5, 'b'), of(6, 'b')])
    expect(bench.told()).toEqual(['firing r a @2'])
    expect(bench.counted).toMatchObject({ 'evicted key': 2 })
  })

  test('S32 beyond maxKeys open alerts new keys join one alert that says so', () => {
    const bench = benchOf(match('  maxKeys: 2\n'))
    bench.read(['a', 'b', 'c', 'd'].map((node) => of(0, node)))
    expect(bench.told()).toEqual(['firing r a @0', 'firing r b @0', 'firing r @0'])
  })
})
