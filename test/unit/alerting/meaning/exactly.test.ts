import { describe, expect, test } from 'vitest'
import { SeenIds } from '../../../../alerting/engine/seen-ids.ts'
import { isActive } from '../../../../alerting/rules/calendar.ts'
import { benchOf, type EngineBench, noonMs } from '../engine-bench.ts'
import { rulesOf } from '../rule-source.ts'

type Row = readonly [title: string, rules: string, course: (bench: EngineBench) => void, told: readonly string[]]

const rule = (more: string, id = 'r') => `- id: ${id}\n${more.replaceAll(/^/gm, '  ')}\n`
const match = 'topic: APP\ntype: match\nwhere: {log.level: error}\n'
const count = 'topic: APP\ntype: count\ncount: {gte: 2, within: 60s}\n'
const on = (at: number, more: object = {}) => ({ at, 'log.level': 'error', ...more })
const of = (at: number, node: string, more: object = {}) => on(at, { 'service.node.name': node, ...more })
const gauge = (at: number, value: unknown, more: object = {}) => ({ at, 'rabbitmq.node.fd_used': value, ...more })

function play(rows: readonly Row[]): void {
  test.each(rows)('%s', (_, rules, course, told) => {
    const bench = benchOf(`rules:\n${rules}`)
    course(bench)
    expect(bench.told()).toEqual(told)
  })
}

describe('events and watermarks', () => {
  play([
    [
      'M1 a rule hears its topics, and no other',
      rule('topic: [APP, AMQP]\ntype: match\ngroupBy: log.level\n'),
      (bench) => {
        for (const topic of ['APP', 'AMQP', 'METRIC'] as const) bench.read([{ at: 0, 'log.level': topic }], { topic })
      },
      ['firing r APP @0', 'firing r AMQP @0'],
    ],
    [
      'S27 without where every event of the topic counts',
      rule('topic: APP\ntype: count\ncount: {gt: 1, within: 1m}\n'),
      (bench) => bench.read([{ at: 0 }, { at: 1, message: 'anything' }]),
      ['firing r @1'],
    ],
    [
      'S1 lateness of a rule goes before that of its file',
      `${rule(`${count}allowedLateness: 5s\n`, 'own')}${rule(count, 'given')}`,
      (bench) => {
        bench.read([on(0), on(1)])
        bench.idle(65)
        bench.idle(89)
        bench.idle(90)
      },
      ['firing own @1', 'firing given @1', 'resolved own @60', 'resolved given @60'],
    ],
    [
      'S6 a watermark never goes back',
      rule(`${count}where: {log.level: error}\n`),
      (bench) => {
        bench.read([on(0), on(1)])
        bench.read([on(100, { 'log.level': 'info' })])
        bench.settle(100)
        bench.read([on(70), on(75)])
        bench.settle(101)
      },
      ['firing r @1', 'resolved r @60', 'firing r @75'],
    ],
    [
      'S8 a partition with lag is never idle, however long nothing is read',
      rule(count),
      (bench) => {
        bench.read([on(0), on(1)], { lag: 1 })
        bench.settle(1000)
      },
      ['firing r @1'],
    ],
    [
      'S10 S15 gt and gte fire on arrival, lt and lte only when time has passed',
      ['gt: 1', 'gte: 2', 'lt: 3', 'lte: 2']
        .map((bound) => rule(`topic: APP\ntype: count\ncount: {${bound}, within: 60s}\n`, bound.slice(0, -3)))
        .join(''),
      (bench) => {
        bench.read([on(0), on(1)])
        bench.idle(89)
        bench.idle(90)
      },
      ['firing gt @1', 'firing gte @1', 'resolved gt @60', 'resolved gte @60', 'firing lt @60', 'firing lte @60'],
    ],
    [
      'S13 an event that is late for nothing but its own time has every window after it judged again',
      rule('topic: APP\ntype: count\ncount: {gte: 3, within: 60s}\n'),
      (bench) => {
        bench.read([on(0), on(58), on(100)])
        // The watermark stands at 70: 55 is before it, yet within reach.
        bench.settle(100)
        bench.read([on(55)], { wall: 101 })
      },
      ['firing r @58', 'resolved r @60', 'firing r @100'],
    ],
    [
      'S13 it ends what would not have held with it',
      rule('topic: APP\ntype: count\ncount: {lt: 1, within: 10s}\n'),
      (bench) => {
        bench.idle(100)
        bench.read([on(50)], { wall: 101 })
        bench.idle(120)
      },
      // 50 is late for a window of 10 s at a watermark of 70.
      ['firing r @10'],
    ],
    [
      'S16 a lower bound is judged for a key after one full window from its first event, and for expected keys from the start',
      rule('topic: APP\ntype: count\ngroupBy: service.node.name\ncount: {lt: 2, within: 60s, expectKeys: [b]}\n'),
      (bench) => {
        bench.read([of(20, 'a')])
        bench.idle(109)
        bench.idle(110)
      },
      ['firing r b @60', 'firing r a @80'],
    ],
  ])

  test('M9 seen ids are kept for window and lateness, at least maxEventAge, and capped: evictions are counted', () => {
    const bench = benchOf(`rules:\n${rule(`${match}quiet: 0s\n`)}`)
    const again = (at: number) => bench.read([on(at, { 'event.id': 'same' })])
    again(0)
    again(899)
    bench.settle(899)
    again(899)
    expect(bench.told()).toEqual(['firing r @0', 'resolved r @0 silent'])
    bench.settle(901)
    again(901)
    expect(bench.told()).toEqual(['firing r @901', 'resolved r @901 silent'])
    expect(bench.counted).toMatchObject({ duplicate: 2 })
    const capped = new SeenIds(1000, 2)
    expect(['a', 'b', 'c'].map((id) => capped.add(id, 0))).toEqual([undefined, undefined, 'a'])
  })

  test('S29 an event without the field a type needs is skipped and counted, and begins no key', () => {
    const types = [
      'type: metric\nmetric: {field: rabbitmq.node.fd_used, gte: 1, within: 1m}',
      'type: distinct\ndistinct: {field: user.name, lt: 1, within: 1m}',
      'type: change\nchange: {field: user.name}',
      'type: newValue\nnewValue: {fields: [user.name], remember: 1h}',
    ]
    const bench = benchOf(
      `rules:\n${types.map((type, index) => rule(`topic: METRIC\ngroupBy: service.node.name\n${type}\n`, `r${index}`)).join('')}`,
    )
    bench.read([of(0, 'a')], { topic: 'METRIC' })
    bench.idle(1000, 'METRIC')
    expect(bench.counted).toMatchObject({ 'no-field': 4 })
    expect(bench.engine.status().map(({ keys }) => keys)).toEqual([0, 0, 0, 0])
    expect(bench.told()).toEqual([])
  })
})

describe('types', () => {
  play([
    [
      'M10 S18 what is an instant closes silently, each by itself',
      rule('topic: APP\ntype: change\nchange: {field: user.name}\n', 'c') +
        rule('topic: APP\ntype: newValue\nnewValue: {fields: [user.name], remember: 1h}\n', 'n'),
      (bench) => bench.read([on(0, { 'user.name': 'a' }), on(1, { 'user.name': 'b' }), on(2, { 'user.name': 'a' })]),
      ['firing n @0', 'firing c @1', 'firing n @1', 'firing c @2'].flatMap((told) => [
        told,
        `${told.replace('firing', 'resolved')} silent`,
      ]),
    ],
    [
      'S34 a spike needs its least reference and its least current',
      rule('topic: APP\ntype: spike\nspike: {ratio: 2, window: 60s, minReference: 2, minCurrent: 5}\n'),
      (bench) => bench.read([on(0), on(70), on(80), ...[130, 140, 150, 155, 160].map((at) => on(at))]),
      ['firing r @160'],
    ],
    [
      'S33 a spike down waits for the watermark, and needs no current',
      rule('topic: APP\ntype: spike\nspike: {direction: down, ratio: 3, window: 60s}\n'),
      (bench) => {
        bench.read([0, 20, 40, 61, 81, 101].map((at) => on(at)))
        bench.idle(150)
        expect(bench.told()).toEqual([])
        bench.idle(185)
      },
      ['firing r @141'],
    ],
    [
      'S35 no sample for twice the window begins `for` anew',
      rule('topic: METRIC\ntype: metric\nmetric: {field: rabbitmq.node.fd_used, gte: 5, within: 10s, for: 30s}\n'),
      (bench) =>
        bench.read(
          [0, 10, 30, 40, 50, 60].map((at) => gauge(at, 9)),
          { topic: 'METRIC' },
        ),
      ['firing r @60'],
    ],
    [
      'S36 a counter that falls was reset: what it shows has come since',
      rule('topic: METRIC\ntype: metric\nmetric: {field: rabbitmq.node.fd_used, op: rate, gt: 1, within: 60s}\n'),
      (bench) => bench.read([gauge(0, 100), gauge(10, 105), gauge(20, 3), gauge(30, 33)], { topic: 'METRIC' }),
      // (5 + 3 + 30) / 30 s; 8 / 20 s before it.
      ['firing r @30'],
    ],
    [
      'S37 division by zero, by nothing and by text skips',
      rule(
        'topic: METRIC\ntype: metric\nmetric: {field: rabbitmq.node.fd_used / rabbitmq.node.fd_total, gte: 0.5, within: 60s}\n',
      ),
      (bench) => {
        const by = (at: number, total: unknown) => gauge(at, 9, { 'rabbitmq.node.fd_total': total })
        bench.read([by(0, 0), gauge(1, 9), by(2, '10'), by(3, 10)], { topic: 'METRIC' })
        expect(bench.counted).toMatchObject({ 'no-field': 3 })
      },
      ['firing r @3'],
    ],
    [
      "S39 learn runs once, from the rule's first event, for all its keys",
      rule(
        'topic: APP\ntype: newValue\ngroupBy: service.node.name\nnewValue: {fields: [user.name], remember: 1h, learn: 60s}\n',
      ),
      (bench) =>
        bench.read([
          of(0, 'a', { 'user.name': 'x' }),
          of(59, 'b', { 'user.name': 'x' }),
          of(60, 'c', { 'user.name': 'x' }),
        ]),
      ['firing r c @60', 'resolved r c @60 silent'],
    ],
    [
      'S44 steps of a sequence may have their own topic',
      rule(
        'topic: AMQP\ntype: sequence\nwithin: 1m\nsteps:\n- {where: {amqp.operation: queue.delete}}\n- {topic: APP, where: {log.level: error}}\n',
      ),
      (bench) => {
        bench.read([on(0, { 'amqp.operation': 'queue.delete' })], { topic: 'APP' })
        bench.read([on(5, { 'amqp.operation': 'queue.delete' })], { topic: 'AMQP' })
        bench.read([on(6)], { topic: 'APP' })
      },
      ['firing r @6', 'resolved r @6 silent'],
    ],
    [
      'S46 S47 a composite looks back `within`, and hears shadow members',
      rule(`${match}groupBy: service.node.name\nquiet: 10s\nstage: shadow\n`, 'one') +
        rule('topic: APP\ntype: match\nwhere: {log.level: info}\ngroupBy: service.node.name\nquiet: 10s\n', 'two') +
        rule('type: composite\ngroupBy: service.node.name\nneeds: {allOf: [one, two]}\nwithin: 60s\n', 'both'),
      (bench) => {
        bench.read([of(0, 'a'), of(0, 'b')])
        bench.idle(41)
        bench.read([
          { ...of(69, 'a'), 'log.level': 'info' },
          { ...of(70, 'b'), 'log.level': 'info' },
        ])
      },
      [
        'firing one a @0',
        'firing one b @0',
        'resolved one a @10 silent',
        'resolved one b @10 silent',
        'firing two a @69',
        'firing both a @69',
        'firing two b @70',
      ],
    ],
  ])
})

describe('calendars', () => {
  const at = (calendar: string, time: string) => {
    const [made] = rulesOf(`rules:\n${rule(`${match}active: ${calendar}\n`)}`)
    return isActive(made!.active, Date.parse(time))
  }
  test.each([
    ['S50 hours begin with their start', '{hours: "08:00-20:00"}', '2026-01-05T08:00:00Z', true],
    ['S50 and end before their end', '{hours: "08:00-20:00"}', '2026-01-05T20:00:00Z', false],
    ['S50 a night belongs to the day it starts on', '{days: fri, hours: "22:00-06:00"}', '2026-01-10T05:59:59Z', true],
    ['S50 and not to the day it ends on', '{days: sat, hours: "22:00-06:00"}', '2026-01-10T05:59:59Z', false],
    ['S51 days as a range', '{days: mon-fri}', '2026-01-10T12:00:00Z', false],
    ['S51 a range over the week end', '{days: sat-mon}', '2026-01-12T12:00:00Z', true],
    ['S51 days with commas', '{days: "mon,wed"}', '2026-01-07T12:00:00Z', true],
    ['S51 days as a list', '{days: [mon, wed]}', '2026-01-06T12:00:00Z', false],
    [
      'S51 several ranges: between them it is closed',
      '{hours: ["08:00-12:00", "13:00-18:00"]}',
      '2026-01-05T12:30:00Z',
      false,
    ],
    ['S51 several ranges: the second', '{hours: ["08:00-12:00", "13:00-18:00"]}', '2026-01-05T13:00:00Z', true],
    ['S52 summer time', '{hours: "08:00-20:00", tz: Europe/Berlin}', '2026-07-01T06:00:00Z', true],
    ['S52 winter time', '{hours: "08:00-20:00", tz: Europe/Berlin}', '2026-01-05T06:30:00Z', false],
    ['S52 a Korean holiday', '{holidays: kr, tz: Asia/Seoul}', '2026-03-01T03:00:00Z', false],
    ['S52 Seollal is three days', '{holidays: kr, tz: Asia/Seoul}', '2026-02-18T03:00:00Z', false],
    ['S52 a working day', '{holidays: kr, tz: Asia/Seoul}', '2026-03-03T03:00:00Z', true],
  ])('%s', (_, calendar, time, expected) => {
    expect(at(calendar, time)).toBe(expected)
  })
})

describe('edits', () => {
  const open = (rules: string) => {
    const bench = benchOf(`rules:\n${rules}`)
    bench.read([on(0), on(1)])
    bench.told()
    return bench
  }
  const edit = (bench: EngineBench, rules: string) => {
    bench.engine.replaceRules(rulesOf(`rules:\n${rules}`), noonMs + 5000)
    bench.settle(5)
    return bench.told()
  }

  test.each([
    ['type', count.replace('count', 'absence').replace(/count:.*/, 'absence: {for: 1h}')],
    ['topic', count.replace('APP', '[APP, AMQP]')],
    ['where', `${count}where: {log.level: error}\n`],
    ['groupBy', `${count}groupBy: log.level\n`],
    ['window', count.replace('60s', '61s')],
  ])('S53 a change of %s closes the alert silently', (_, edited) => {
    expect(edit(open(rule(count)), rule(edited))).toEqual(['resolved r @5 silent'])
  })

  test.each([
    ['severity', `${count}severity: critical\n`],
    ['summary', `${count}summary: other words\n`],
    ['maxKeys', `${count}maxKeys: 10\n`],
    ['lateness', `${count}allowedLateness: 10s\n`],
    ['the bound', count.replace('gte: 2', 'gte: 1')],
  ])('S54 a change of %s does not', (_, edited) => {
    const bench = open(rule(count))
    expect(edit(bench, rule(edited))).toEqual([])
    bench.idle(100)
    bench.idle(200)
    expect(bench.told()).toEqual([expect.stringMatching(/^resolved r @6[01]$/)])
  })

  test('S54 a raised bound goes on with the window it has', () => {
    const bench = open(rule(count.replace('gte: 2', 'gte: 4')))
    edit(bench, rule(count.replace('gte: 2', 'gte: 3')))
    bench.read([on(6)])
    expect(bench.told()).toEqual(['firing r @6'])
  })

  test('S54 a key that is expected from now on is judged from now on', () => {
    const absence = (keys: string) =>
      rule(`topic: APP\ntype: absence\ngroupBy: service.node.name\nabsence: {for: 10s, expectKeys: [${keys}]}\n`)
    const bench = benchOf(`rules:\n${absence('a')}`)
    bench.read([of(0, 'a')])
    edit(bench, absence('a, b'))
    bench.idle(44)
    expect(bench.told()).toEqual(['firing r a @10'])
    bench.idle(45)
    expect(bench.told()).toEqual(['firing r b @15'])
  })
})
