import { describe, expect, test } from 'vitest'
import { carried, firings, takes } from './carried.ts'

const any = (filter: string) => `name: A rule\ntype: any\nindex: x-*\nfilter:\n${filter}\nalert: debug\n`
const lucene = (query: string) => any(`- query: {query_string: {query: '${query}'}}`)

describe('a filter of Elasticsearch means here what it means there', () => {
  test.each<[string, string, ReadonlyArray<[object, boolean]>]>([
    [
      'a term of a keyword tells case',
      '- term: {user.name: App}',
      [
        [{ 'user.name': 'App' }, true],
        [{ 'user.name': 'app' }, false],
      ],
    ],
    ['.keyword is the field itself', '- term: {user.name.keyword: {value: a}}', [[{ 'user.name': 'a' }, true]]],
    [
      'a number written as text',
      '- term: {http.response.status_code: "404"}',
      [[{ 'http.response.status_code': 404 }, true]],
    ],
    [
      'terms',
      '- terms: {user.name: [a, b]}',
      [
        [{ 'user.name': 'b' }, true],
        [{ 'user.name': 'c' }, false],
      ],
    ],
    [
      'a word of the message',
      '- match: {message: Refused}',
      [
        [{ message: 'login refused: x' }, true],
        [{ message: 'unrefused' }, false],
      ],
    ],
    [
      'any of several words',
      '- match: {message: "one two"}',
      [
        [{ message: 'two' }, true],
        [{ message: 'three' }, false],
      ],
    ],
    [
      'all of several words',
      '- match: {message: {query: "one two", operator: and}}',
      [
        [{ message: 'two' }, false],
        [{ message: 'two one' }, true],
      ],
    ],
    [
      'a phrase',
      '- match_phrase: {message: "login refused"}',
      [
        [{ message: 'PLAIN Login, refused' }, true],
        [{ message: 'refused login' }, false],
      ],
    ],
    [
      'a phrase in Korean',
      '- match_phrase: {message: "회원 탈퇴"}',
      [
        [{ message: '고객이 회원 탈퇴 신청' }, true],
        [{ message: '비회원 탈퇴' }, false],
      ],
    ],
    [
      'a range',
      '- range: {http.response.status_code: {gte: 500, lt: 600}}',
      [
        [{ 'http.response.status_code': 503 }, true],
        [{ 'http.response.status_code': 600 }, false],
      ],
    ],
    [
      'exists',
      '- exists: {field: user.name}',
      [
        [{ 'user.name': 'a' }, true],
        [{}, false],
      ],
    ],
    [
      'a prefix',
      '- prefix: {user.name: ad}',
      [
        [{ 'user.name': 'admin' }, true],
        [{ 'user.name': 'Admin' }, false],
      ],
    ],
    [
      'a wildcard',
      '- wildcard: {user.name: "a*n"}',
      [
        [{ 'user.name': 'admin' }, true],
        [{ 'user.name': 'xadmin' }, false],
      ],
    ],
    [
      'a pattern is whole',
      '- regexp: {user.name: "a[0-9]+"}',
      [
        [{ 'user.name': 'a12' }, true],
        [{ 'user.name': 'xa12' }, false],
      ],
    ],
    [
      'several are all',
      '- term: {user.name: a}\n- exists: {field: client.name}',
      [
        [{ 'user.name': 'a' }, false],
        [{ 'user.name': 'a', 'client.name': 'c' }, true],
      ],
    ],
    [
      'bool',
      '- bool: {must: [{term: {user.name: a}}], must_not: {term: {client.name: c}}}',
      [
        [{ 'user.name': 'a' }, true],
        [{ 'user.name': 'a', 'client.name': 'c' }, false],
      ],
    ],
    [
      'should alone',
      '- bool: {should: [{term: {user.name: a}}, {term: {user.name: b}}]}',
      [
        [{ 'user.name': 'b' }, true],
        [{}, false],
      ],
    ],
    [
      'should beside must weighs only',
      '- bool: {must: {term: {user.name: a}}, should: [{term: {client.name: b}}]}',
      [[{ 'user.name': 'a' }, true]],
    ],
    [
      'should that must',
      '- bool: {must: {term: {user.name: a}}, should: [{term: {client.name: b}}], minimum_should_match: 1}',
      [[{ 'user.name': 'a' }, false]],
    ],
    [
      'the old words',
      '- or: [{term: {user.name: a}}, {not: {exists: {field: user.name}}}]',
      [
        [{}, true],
        [{ 'user.name': 'b' }, false],
      ],
    ],
  ])('%s', (_, filter, cases) => {
    const { rules, refused } = carried('elastalert', any(filter))
    expect(refused).toEqual([])
    for (const [event, expected] of cases) expect([event, takes(rules, event as never)]).toEqual([event, expected])
  })

  test.each<[string, ReadonlyArray<[object, boolean]>]>([
    [
      'user.name:a AND NOT client.name:c',
      [
        [{ 'user.name': 'a' }, true],
        [{ 'user.name': 'a', 'client.name': 'c' }, false],
      ],
    ],
    [
      'user.name:a OR client.name:c AND log.level:x',
      [
        [{ 'user.name': 'a' }, true],
        [{ 'client.name': 'c' }, false],
      ],
    ],
    [
      'user.name:(a OR b)',
      [
        [{ 'user.name': 'b' }, true],
        [{ 'user.name': 'c' }, false],
      ],
    ],
    [
      'user.name:"a b"',
      [
        [{ 'user.name': 'a b' }, true],
        [{ 'user.name': 'a' }, false],
      ],
    ],
    [
      'user.name:ad*',
      [
        [{ 'user.name': 'admin' }, true],
        [{ 'user.name': 'xadmin' }, false],
      ],
    ],
    [
      'user.name:/a[0-9]/',
      [
        [{ 'user.name': 'a1' }, true],
        [{ 'user.name': 'a12' }, false],
      ],
    ],
    [
      '_exists_:user.name',
      [
        [{ 'user.name': 'a' }, true],
        [{}, false],
      ],
    ],
    [
      'http.response.status_code:[500 TO 599]',
      [
        [{ 'http.response.status_code': 599 }, true],
        [{ 'http.response.status_code': 600 }, false],
      ],
    ],
    [
      'http.response.status_code:{500 TO *]',
      [
        [{ 'http.response.status_code': 500 }, false],
        [{ 'http.response.status_code': 501 }, true],
      ],
    ],
    ['http.response.status_code:>=500', [[{ 'http.response.status_code': 500 }, true]]],
    ['http.response.status_code:404', [[{ 'http.response.status_code': 404 }, true]]],
    [
      'message:"login refused" && !message:guest',
      [
        [{ message: 'login refused' }, true],
        [{ message: 'login refused: guest' }, false],
      ],
    ],
    [String.raw`url.path:\/api\/x`, [[{ 'url.path': '/api/x' }, true]]],
  ])('%s', (query, cases) => {
    const { rules, refused } = carried('elastalert', lucene(query))
    expect(refused).toEqual([])
    for (const [event, expected] of cases) expect([event, takes(rules, event as never)]).toEqual([event, expected])
  })

  test.each([
    ['a bare word', lucene('refused'), 'without a field is looked for in every field'],
    ['terms side by side', lucene('user.name:a user.name:b'), 'side by side without AND or OR'],
    ['plus and minus', lucene('+user.name:a'), 'is not understood|no source|cannot'],
    ['nearness', lucene('user.name:abc~2'), 'nearness and weight'],
    ['a date', lucene('@timestamp:[now-1d TO now]'), 'only numbers are compared'],
    ['an open parenthesis', lucene('(user.name:a'), 'a parenthesis is not closed'],
    ['a wildcard on analysed text', lucene('message:*fail*'), 'sees single words'],
    ['a script', any('- script: {script: x}'), 'the query "script" cannot be carried over'],
    [
      'a nested bool option',
      any('- bool: {should: [{term: {user.name: a}}], minimum_should_match: 2}'),
      'minimum_should_match: 2',
    ],
    ['a field nobody produces', any('- term: {hostname: a}'), 'no source of APP produces "hostname"'],
    ['a deep query', lucene('('.repeat(3000)), 'nested too deep'],
  ])('%s is refused', (_, text, reason) => {
    const { refused, rules } = carried('elastalert', text)
    expect(refused.join('\n')).toMatch(new RegExp(reason.replace(/[(){}[\]+*]/g, String.raw`\$&`)))
    expect(rules).toEqual([])
  })
})

describe('a type means here what it means there, or the difference is told', () => {
  const of = (type: string, rest: string) =>
    `name: A rule\ntype: ${type}\nindex: x\nrealert: {minutes: 0}\nalert: debug\n${rest}`
  const login = (at: number, user = 'u') => ({ at, 'user.name': user, 'source.ip': '1.1.1.1' })

  test('any: each match is its own', () => {
    const { rules, refused } = carried('elastalert', of('any', ''))
    expect(refused).toEqual([])
    expect(firings(rules, [login(0), login(1)])).toEqual(['a-rule @0', 'a-rule @1'])
  })

  test('frequency: the window is half open', () => {
    const { rules, differs } = carried('elastalert', of('frequency', 'num_events: 3\ntimeframe: {minutes: 1}\n'))
    expect(firings(rules, [login(0), login(30), login(60)])).toEqual([])
    expect(firings(rules, [login(0), login(30), login(59.999)])).toEqual(['a-rule @59.999'])
    expect(differs.join()).toContain('one alert stays open')
  })

  test('flatline', () => {
    const { rules } = carried('elastalert', of('flatline', 'threshold: 1\ntimeframe: {minutes: 5}\n'))
    expect(firings(rules, [login(0)])).toEqual(['a-rule @300'])
    const few = carried('elastalert', of('flatline', 'threshold: 3\ntimeframe: {minutes: 5}\n'))
    expect(few.refused).toEqual([])
    expect(few.yaml).toContain('lt: 3')
  })

  test('blacklist and whitelist compare exactly', () => {
    const black = carried('elastalert', of('blacklist', 'compare_key: user.name\nblacklist: [root, admin]\n'))
    expect(takes(black.rules, { 'user.name': 'root' })).toBe(true)
    expect(takes(black.rules, { 'user.name': 'Root' })).toBe(false)
    const white = carried(
      'elastalert',
      of('whitelist', 'compare_key: user.name\nignore_null: true\nwhitelist: [app]\n'),
    )
    expect(takes(white.rules, { 'user.name': 'other' })).toBe(true)
    expect(takes(white.rules, { 'user.name': 'app' })).toBe(false)
    expect(takes(white.rules, {})).toBe(false)
    const whole = carried(
      'elastalert',
      of('whitelist', 'compare_key: user.name\nignore_null: false\nwhitelist: [app]\n'),
    )
    expect(takes(whole.rules, {})).toBe(true)
  })

  test('change, new_term of several fields, cardinality with both bounds', () => {
    const change = carried(
      'elastalert',
      of('change', 'compare_key: user.name\nquery_key: source.ip\nignore_null: true\n'),
    )
    expect(firings(change.rules, [login(0, 'a'), login(1, 'b'), login(2, 'a')])).toEqual(['a-rule @1', 'a-rule @2'])
    const fresh = carried(
      'elastalert',
      of('new_term', 'fields: [user.name, client.name]\nterms_window_size: {days: 7}\n'),
    )
    expect(fresh.rules.map(({ id, spec }) => [id, spec.kind])).toEqual([
      ['a-rule-1', 'newValue'],
      ['a-rule-2', 'newValue'],
    ])
    const wide = carried(
      'elastalert',
      of(
        'cardinality',
        'cardinality_field: user.name\nmax_cardinality: 2\nmin_cardinality: 1\ntimeframe: {hours: 1}\n',
      ),
    )
    expect(wide.rules.map(({ id }) => id)).toEqual(['a-rule-above', 'a-rule-below'])
    expect(firings(wide.rules.slice(0, 1), [login(0, 'a'), login(1, 'b'), login(2, 'c')])).toEqual(['a-rule-above @2'])
  })

  test('spike, metric_aggregation and percentage_match', () => {
    const spike = carried(
      'elastalert',
      of('spike', 'spike_height: 3\nspike_type: up\ntimeframe: {minutes: 1}\nthreshold_ref: 2\nthreshold_cur: 5\n'),
    )
    expect(spike.refused).toEqual([])
    expect(spike.rules[0]?.spec).toMatchObject({
      kind: 'spike',
      direction: 'up',
      ratio: 3,
      minReference: 2,
      minCurrent: 5,
    })
    const metric = carried(
      'elastalert',
      of(
        'metric_aggregation',
        'metric_agg_key: event.duration\nmetric_agg_type: avg\nmax_threshold: 5\nbuffer_time: {minutes: 5}\n',
      ),
    )
    expect(
      firings(metric.rules, [
        { at: 0, 'event.duration': 5 },
        { at: 1, 'event.duration': 6 },
      ]),
    ).toEqual(['a-rule @1'])
    const share = carried(
      'elastalert',
      of(
        'percentage_match',
        'match_bucket_filter: [{term: {user.name: bad}}]\nmax_percentage: 50\nmin_denominator: 3\nbuffer_time: {minutes: 5}\n',
      ),
    )
    expect(firings(share.rules, [login(0, 'bad'), login(1, 'good'), login(2, 'bad')])).toEqual(['a-rule @2'])
  })

  test.each([
    ['python code', of('my_module.MyRule', ''), 'it is Python code'],
    ['enhancements', of('any', 'match_enhancements: [x.Y]\n'), 'Python code that may drop a match'],
    ['an import', of('any', 'import: base.yaml\n'), 'may not lean on another file'],
    ['a schedule', of('any', 'limit_execution: "* 7-22 * * *"\n'), 'active: {days, hours, tz}'],
    ['another time field', of('any', 'timestamp_field: created\n'), 'the time of an event is @timestamp'],
    ['a word nobody knows', of('any', 'num_evnets: 3\n'), 'the meaning of "num_evnets" is not known'],
    ['no number', of('frequency', 'timeframe: {minutes: 1}\n'), 'num_events is needed'],
    ['a mistyped unit', of('frequency', 'num_events: 1\ntimeframe: {minutest: 1}\n'), 'timeframe is needed, written'],
    [
      'a spike of sums',
      of('spike', 'spike_height: 2\ntimeframe: {minutes: 1}\nfield_value: x\n'),
      'a spike counts events',
    ],
    ['a list in a file', of('blacklist', 'compare_key: user.name\nblacklist: ["!file x"]\n'), 'a list in a file'],
    [
      'a window of the global settings',
      of('metric_aggregation', 'metric_agg_key: event.duration\nmetric_agg_type: avg\nmax_threshold: 5\n'),
      'buffer_time is needed',
    ],
    ['a digest by cron', of('any', 'aggregation: {schedule: "2 4 * * mon"}\n'), 'by cron cannot'],
  ])('%s is refused', (_, text, reason) => {
    const { refused, rules } = carried('elastalert', text)
    expect(refused.join('\n')).toContain(reason)
    expect(rules).toEqual([])
  })
})

describe('what a rule says beside its conditions', () => {
  test('keys, throttle, digest, owner, and a subject with arguments', () => {
    const { rules, problems, differs } = carried(
      'elastalert',
      'name: Refused!\ntype: any\nindex: x\nquery_key: [user.name, source.ip]\nrealert: {minutes: 10}\nexponential_realert: {hours: 2}\naggregation: {hours: 1, minutes: 30}\nowner: dba\ncategory: auth\nis_enabled: false\nalert_subject: "{0} from {1}"\nalert_subject_args: [user.name, source.ip]\nalert: debug\n',
    )
    expect(problems).toEqual([])
    expect(rules[0]).toMatchObject({
      id: 'refused',
      owner: 'dba',
      labels: { category: 'auth' },
      stage: 'off',
      throttle: { firstMs: 600_000, doubleUntilMs: 7_200_000 },
      digest: { waitMs: 5_400_000 },
    })
    expect(rules[0]?.summary.source).toBe('{{user.name}} from {{source.ip}}')
    expect(differs.join()).toContain('events without user.name, source.ip are skipped')
  })

  test('who is told is not carried over, and no secret is printed', () => {
    const { yaml, notes } = carried(
      'elastalert',
      'name: x\ntype: any\nindex: x\nalert: [slack]\nslack_webhook_url: https://hooks.example/abc\nsmtp_host: mail\nes_host: es\nes_password: hunter2\n',
    )
    expect(notes).toEqual([
      '4:1 who is told is said by alerting.channels and routes: alert, slack_webhook_url, smtp_host',
    ])
    expect(`${yaml}${notes.join()}`).not.toMatch(/hooks\.example|hunter2/)
  })

  test('an index must be given its meaning', () => {
    expect(carried('elastalert', any('- term: {user.name: a}'), { dataset: undefined } as never).refused).toEqual([
      '3:1 which events does "x-*" hold? say --dataset rabbitmq.log, or --dataset any for all of APP',
    ])
  })

  test.each([['a: ['], ['- a'], ['name: x\n'], [''], [`a: ${'['.repeat(20_000)}`]])(
    '%# is refused without an exception',
    (text) => {
      const { rules, refused } = carried('elastalert', text)
      expect(rules).toEqual([])
      expect(refused.length).toBeGreaterThan(0)
    },
  )
})
