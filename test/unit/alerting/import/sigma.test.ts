import { describe, expect, test } from 'vitest'
import { carried, firings, takes } from './carried.ts'

const rule = (detection: string, rest = '') =>
  `title: A rule\nlogsource: {product: linux}\n${rest}detection:\n${detection}`
const of = (selection: string, condition = 'sel') => rule(`  sel: ${selection}\n  condition: ${condition}\n`)

describe('a Sigma selection means here what it means there', () => {
  test.each<[string, string, ReadonlyArray<[object, boolean]>]>([
    [
      'text, in whatever case',
      '{user.name: Admin}',
      [
        [{ 'user.name': 'ADMIN' }, true],
        [{ 'user.name': 'admins' }, false],
      ],
    ],
    [
      'a list is any of them',
      '{user.name: [a, b]}',
      [
        [{ 'user.name': 'b' }, true],
        [{ 'user.name': 'c' }, false],
      ],
    ],
    [
      'a map is all of them',
      '{user.name: a, source.ip: 10.0.0.1}',
      [
        [{ 'user.name': 'a', 'source.ip': '10.0.0.1' }, true],
        [{ 'user.name': 'a' }, false],
      ],
    ],
    [
      'a list of maps is any of them',
      '[{user.name: a}, {source.ip: 10.0.0.1}]',
      [
        [{ 'source.ip': '10.0.0.1' }, true],
        [{}, false],
      ],
    ],
    [
      'wildcards',
      '{user.name: "a*b?c"}',
      [
        [{ 'user.name': 'a12b3c' }, true],
        [{ 'user.name': 'a12bc' }, false],
        [{ 'user.name': 'xa12b3c' }, false],
      ],
    ],
    ['wildcards over lines', '{message: "*a*b"}', [[{ message: '1a\n2b' }, true]]],
    [
      'an escaped wildcard',
      String.raw`{user.name: 'a\*b'}`,
      [
        [{ 'user.name': 'a*b' }, true],
        [{ 'user.name': 'axb' }, false],
      ],
    ],
    [
      'a backslash before a letter',
      String.raw`{message|contains: 'C:\tmp'}`,
      [[{ message: String.raw`in C:\tmp\x` }, true]],
    ],
    [
      'any value',
      '{user.name: "*"}',
      [
        [{ 'user.name': 'x' }, true],
        [{}, false],
      ],
    ],
    [
      'null is a missing field',
      '{user.name: null}',
      [
        [{}, true],
        [{ 'user.name': 'x' }, false],
      ],
    ],
    [
      'contains',
      '{message|contains: [one, two]}',
      [
        [{ message: 'has TWO of it' }, true],
        [{ message: 'nothing' }, false],
      ],
    ],
    [
      'contains all',
      '{message|contains|all: [one, two]}',
      [
        [{ message: 'two, one' }, true],
        [{ message: 'two' }, false],
      ],
    ],
    [
      'startswith',
      '{message|startswith: ab}',
      [
        [{ message: 'abc' }, true],
        [{ message: 'xabc' }, false],
      ],
    ],
    [
      'endswith',
      '{message|endswith: bc}',
      [
        [{ message: 'abc' }, true],
        [{ message: 'abcx' }, false],
      ],
    ],
    [
      'a pattern tells case',
      '{message|re: "^a+b$"}',
      [
        [{ message: 'aab' }, true],
        [{ message: 'AAB' }, false],
      ],
    ],
    ['a pattern that does not', '{message|re|i: "^a+b$"}', [[{ message: 'AAB' }, true]]],
    [
      'cased',
      '{user.name|cased: Admin}',
      [
        [{ 'user.name': 'Admin' }, true],
        [{ 'user.name': 'admin' }, false],
      ],
    ],
    [
      'networks',
      '{source.ip|cidr: [10.0.0.0/8, "fd00::/8"]}',
      [
        [{ 'source.ip': '10.1.2.3' }, true],
        [{ 'source.ip': '11.1.2.3' }, false],
      ],
    ],
    [
      'numbers',
      '{http.response.status_code|gte: 500}',
      [
        [{ 'http.response.status_code': 503 }, true],
        [{ 'http.response.status_code': 404 }, false],
      ],
    ],
    [
      'a field that is there',
      '{user.name|exists: true}',
      [
        [{ 'user.name': 'x' }, true],
        [{}, false],
      ],
    ],
    [
      'anything but',
      '{user.name|neq: [a, b]}',
      [
        [{ 'user.name': 'c' }, true],
        [{ 'user.name': 'a' }, false],
      ],
    ],
    [
      'keywords',
      '[refused, "time?ut"]',
      [
        [{ message: 'login REFUSED' }, true],
        [{ message: 'a timeout' }, true],
        [{ message: 'ok' }, false],
      ],
    ],
    [
      'all keywords',
      '{"|all": [a1, b2]}',
      [
        [{ message: 'b2 a1' }, true],
        [{ message: 'a1' }, false],
      ],
    ],
  ])('%s', (_, selection, cases) => {
    const { rules, refused } = carried('sigma', of(selection))
    expect(refused).toEqual([])
    for (const [event, expected] of cases) expect([event, takes(rules, event as never)]).toEqual([event, expected])
  })
})

describe('a Sigma condition', () => {
  const parts = '  a: {user.name: a}\n  b1: {source.ip: 1.1.1.1}\n  b2: {client.name: c}\n  _c: {log.level: x}\n'
  const a = { 'user.name': 'a' }
  const b1 = { 'source.ip': '1.1.1.1' }
  const b2 = { 'client.name': 'c' }
  test.each<[string, ReadonlyArray<[object, boolean]>]>([
    [
      'a and not b1',
      [
        [a, true],
        [{ ...a, ...b1 }, false],
      ],
    ],
    [
      'a or b1 and b2',
      [
        [a, true],
        [b1, false],
        [{ ...b1, ...b2 }, true],
      ],
    ],
    [
      '(a or b1) and b2',
      [
        [a, false],
        [{ ...a, ...b2 }, true],
      ],
    ],
    [
      '1 of b*',
      [
        [b2, true],
        [a, false],
      ],
    ],
    [
      'all of b*',
      [
        [b1, false],
        [{ ...b1, ...b2 }, true],
      ],
    ],
    [
      'a and not 1 of b*',
      [
        [a, true],
        [{ ...a, ...b2 }, false],
      ],
    ],
    [
      'all of them',
      [
        [{ ...a, ...b1, ...b2 }, true],
        [{ ...a, ...b1 }, false],
      ],
    ],
    [
      '1 of them',
      [
        [{ 'log.level': 'x' }, false],
        [b1, true],
      ],
    ],
    [
      'NOT (a AND b1)',
      [
        [{}, true],
        [{ ...a, ...b1 }, false],
      ],
    ],
  ])('%s', (condition, cases) => {
    const { rules, refused } = carried('sigma', rule(`${parts}  condition: ${condition}\n`))
    expect(refused).toEqual([])
    for (const [event, expected] of cases) expect([event, takes(rules, event as never)]).toEqual([event, expected])
  })
})

describe('what a rule says beside its conditions', () => {
  test('level, status, owner of the thought, and what makes it wrong', () => {
    const { rules, yaml, problems } = carried(
      'sigma',
      `title: 계정 Deleted {{x}}!\nid: 0b0e\nauthor: Somebody\nstatus: experimental\nlevel: critical\ntags: [attack.t1]\nfalsepositives: [Tests]\nreferences: [https://example.com/x]\n${of('{user.name: a}').slice('title: A rule\n'.length)}`,
    )
    expect(problems).toEqual([])
    expect(rules[0]).toMatchObject({
      id: 'deleted-x',
      severity: 'critical',
      stage: 'shadow',
      labels: { sigma: '0b0e', author: 'Somebody', tags: 'attack.t1' },
      runbook: 'https://example.com/x',
    })
    expect(rules[0]?.summary.render({}, {})).toBe('계정 Deleted { {x}}!')
    expect(yaml).toContain('falsePositives: Tests')
  })

  test('log sources of RabbitMQ are datasets; others must be named', () => {
    const from = (source: string, dataset?: string) =>
      carried('sigma', `title: x\nlogsource: ${source}\ndetection: {s: {user.name: a}, condition: s}\n`, {
        dataset,
      } as never)
    expect(from('{product: rabbitmq}').yaml).toContain('event.dataset: rabbitmq.log')
    expect(from('{product: rabbitmq, service: access}').yaml).toContain('event.dataset: rabbitmq.access')
    expect(from('{product: windows, service: security}').refused).toEqual([
      '2:1 which events are "product windows, service security" here? say --dataset nginx.access, or --dataset any for all of APP',
    ])
    expect(from('{category: webserver}', 'nginx.access').yaml).toContain('event.dataset: nginx.access')
  })

  test('web fields have our names, others are mapped by hand or refused', () => {
    const web =
      'title: x\nlogsource: {category: webserver}\ndetection:\n  s: {sc-status: 404, c-ip: 1.1.1.1}\n  condition: s\n'
    expect(
      takes(carried('sigma', web).rules, { http: { response: { status_code: 404 } }, source: { ip: '1.1.1.1' } }),
    ).toBe(true)
    const windows = of('{EventID: 4625}')
    expect(carried('sigma', windows).refused[0]).toContain('--map EventID=some.field')
    expect(
      takes(carried('sigma', windows, { fields: { EventID: 'app.EventID' } }).rules, { app: { EventID: 4625 } }),
    ).toBe(true)
  })
})

describe('counting', () => {
  const login = (at: number, ip = '1.1.1.1', user = 'u') => ({ at, 'user.name': user, 'source.ip': ip })

  test('the old way', () => {
    const { rules, refused } = carried(
      'sigma',
      rule('  s: {user.name: u}\n  timeframe: 1m\n  condition: s | count() by source.ip > 2\n'),
    )
    expect(refused).toEqual([])
    expect(firings(rules, [login(0), login(1), login(2, '2.2.2.2'), login(3)])).toEqual(['a-rule @3'])
  })

  const base =
    'title: Login\nname: login\nlogsource: {product: x}\ndetection: {s: {user.name|exists: true}, condition: s}\n'
  const correlation = (body: string) => `${base}---\ntitle: Together\ncorrelation: ${body}\n`

  test('event_count, without its part alerting by itself', () => {
    const { rules, refused } = carried(
      'sigma',
      correlation('{type: event_count, rules: [login], group-by: [source.ip], timespan: 1m, condition: {gte: 2}}'),
    )
    expect(refused).toEqual([])
    expect(firings(rules, [login(0), login(5, '2.2.2.2'), login(50)])).toEqual(['together @50'])
  })

  test('generate keeps the part', () => {
    const { rules } = carried(
      'sigma',
      correlation('{type: event_count, rules: [login], timespan: 1m, condition: {gte: 2}, generate: true}'),
    )
    expect(rules.map(({ id }) => id)).toEqual(['login', 'together'])
  })

  test('value_count', () => {
    const { rules } = carried(
      'sigma',
      correlation(
        '{type: value_count, rules: [login], group-by: [source.ip], timespan: 1m, condition: {field: user.name, gte: 2}}',
      ),
    )
    expect(firings(rules, [login(0), login(1), login(2, '1.1.1.1', 'w')])).toEqual(['together @2'])
  })

  test('temporal_ordered is a sequence, temporal one in any order', () => {
    const two = (type: string) =>
      `${base}---\ntitle: Out\nname: out\nlogsource: {product: x}\ndetection: {s: {client.name: out}, condition: s}\n---\ntitle: Both\ncorrelation: {type: ${type}, rules: [login, out], timespan: 1m}\n`
    const out = (at: number) => ({ at, 'client.name': 'out' })
    expect(firings(carried('sigma', two('temporal_ordered')).rules, [out(0), login(1), out(2)])).toEqual(['both @2'])
    expect(firings(carried('sigma', two('temporal')).rules, [out(0), login(1)])).toEqual(['both @1'])
  })

  test.each([
    [
      'an unknown rule',
      '{type: event_count, rules: [other], timespan: 1m, condition: {gte: 2}}',
      'rule "other" is not in this file',
    ],
    [
      'aliases',
      '{type: event_count, rules: [login], aliases: {x: {login: a}}, timespan: 1m, condition: {gte: 2}}',
      'aliases cannot',
    ],
    ['equality', '{type: event_count, rules: [login], timespan: 1m, condition: {eq: 2}}', 'one of gt, gte, lt, lte'],
    ['a range', '{type: event_count, rules: [login], timespan: 1m, condition: {gt: 2, lt: 5}}', 'not gt and lt'],
    ['a month', '{type: event_count, rules: [login], timespan: 1M, condition: {gt: 2}}', 'timespan is written'],
    [
      'another type',
      '{type: value_percentile, rules: [login], timespan: 1m, condition: {gt: 2}}',
      'type "value_percentile" cannot',
    ],
  ])('%s is refused', (_, body, reason) => {
    const { refused, rules } = carried('sigma', correlation(body))
    expect(refused.join('\n')).toContain(reason)
    expect(rules.map(({ id }) => id)).not.toContain('together')
  })
})

describe('what cannot be carried over is refused with its place and reason, the rest is carried over', () => {
  test.each([
    ['{user.name|base64: x}', '4:9 modifier "base64" cannot be carried over: encoded values'],
    ['{user.name|utf16le|base64: x}', 'events hold text, not bytes'],
    ['{user.name|fieldref: client.name}', 'two fields of one event cannot be compared'],
    ['{user.name|expand: "%admins%"}', 'placeholders are filled by a pipeline'],
    ['{user.name|sideways: x}', 'its meaning is not known here'],
    ['{user.name|re: "a(?=b)"}', 'look-ahead'],
    ['{user.name: ""}', 'events hold no empty text'],
    ['{source.ip|cidr: 300.0.0.0/8}', 'is no network'],
    ['{}', 'an empty map'],
    ['[]', 'an empty list'],
  ])('%s', (selection, reason) => {
    const { refused, rules } = carried('sigma', of(selection))
    expect(refused.join('\n')).toContain(reason)
    expect(rules).toEqual([])
  })

  test.each([
    ['sel and', 'ends too early'],
    ['other', '"other" is no part of detection'],
    ['2 of sel*', '"2 of" cannot be said'],
    ['1 of x*', 'no part of detection is called x*'],
    ['(sel', 'a parenthesis is not closed'],
    ['sel sel', 'is not understood'],
    ['sel | near x', 'only count()'],
    ['sel | count() > 5', 'a count needs a timeframe'],
    [`${'('.repeat(5000)}sel`, 'too'],
    [`${'not '.repeat(5000)}sel`, 'too'],
  ])('condition %#', (condition, reason) => {
    expect(carried('sigma', of('{user.name: a}', `"${condition}"`)).refused.join('\n')).toContain(reason)
  })

  test('one refused rule does not hold the others back', () => {
    const { rules, refused } = carried('sigma', `${of('{user.name|base64: x}')}---\n${of('{user.name: a}')}`)
    expect(rules).toHaveLength(1)
    expect(refused).toHaveLength(1)
  })

  test.each([
    ['no YAML', 'a: [', 'x.yml'],
    ['a list', '- a', 'a rule is a map'],
    [
      'a filter',
      'title: f\nlogsource: {product: x}\nfilter: {rules: [a], s: {a: b}, condition: s}\n',
      'filters and actions',
    ],
    ['no detection', 'title: f\n', 'a rule needs detection'],
    ['a list of conditions', rule('  s: {user.name: a}\n  condition: [s, s]\n'), 'condition is one text'],
  ])('%s', (_, text) => {
    const { rules, refused } = carried('sigma', text)
    expect(rules).toEqual([])
    expect(refused.length).toBeGreaterThan(0)
  })

  test('equal titles get ids of their own', () => {
    expect(carried('sigma', `${of('{user.name: a}')}---\n${of('{user.name: b}')}`).rules.map(({ id }) => id)).toEqual([
      'a-rule',
      'a-rule-2',
    ])
  })
})
