import { describe, expect, test } from 'vitest'
import { formatProblem } from '../../../../runtime/errors.ts'
import { assembleRuleSet } from '../../../../alerting/rule-set.ts'
import { checkTogether } from '../../../../alerting/rules/lint.ts'
import { parseOverrides, parseRuleFile } from '../../../../alerting/rules/parse-file.ts'
import { parse, rulesOf } from '../rule-source.ts'

const problemsOf = (text: string) =>
  parse(text).problems.map((problem) => `${problem.severity} ${formatProblem(problem)}`)
const rule = (rest: string) => `rules:\n- id: r\n  topic: AMQP\n${rest}`

describe('every problem, where it is, and what to write instead', () => {
  test.each([
    [
      'a key of another language',
      rule('  type: count\n  count: {gte: 1, timefame: 5m}\n'),
      [
        'error rules.yaml:5:3 missing: within is required',
        'error rules.yaml:5:19 unknown-key: unknown key "timefame" in count; did you mean "within"?',
      ],
    ],
    [
      'a mistyped type',
      rule('  type: cuont\n'),
      ['error rules.yaml:4:3 type: unknown type "cuont"; did you mean "count"?'],
    ],
    ['no type', rule(''), [expect.stringContaining('type is required: match, count')]],
    [
      'a look-ahead',
      rule('  type: match\n  where: {user.name.regex: "a(?=b)"}\n'),
      [
        'error rules.yaml:5:11 regex: look-ahead "(?=" is not supported (linear-time engine); try a second condition on the same field',
      ],
    ],
    [
      'a back-reference',
      rule('  type: match\n  where: {user.name.regex: "(a)\\\\1"}\n'),
      [expect.stringContaining('back-references are not supported')],
    ],
    [
      'an absence shorter than lateness',
      rule('  type: absence\n  absence: {for: 10s}\n'),
      ['warning rules.yaml:5:13 lateness: absence.for 10s is shorter than allowedLateness 30s'],
    ],
    [
      'a field that nobody produces',
      rule('  type: match\n  where: {rabbitmq.queu: x}\n'),
      ['warning rules.yaml:5:11 field: no source produces "rabbitmq.queu"; did you mean "rabbitmq.queue"?'],
    ],
    [
      'an operator within two letters',
      rule('  type: match\n  where: {user.name.contians: x}\n'),
      [expect.stringContaining('no source produces "user.name.contians"; did you mean "contains"?')],
    ],
    [
      'a field of its own that nobody produces',
      rule('  type: change\n  groupBy: rabbitmq.vhost\n  change: {field: rabbitmq.queu}\n'),
      ['warning rules.yaml:6:12 field: no source produces "rabbitmq.queu"; did you mean "rabbitmq.queue"?'],
    ],
    [
      'a number of another topic',
      rule('  type: metric\n  metric: {field: rabbitmq.node.mem_used_bytes, gte: 1, within: 1m}\n'),
      [expect.stringContaining('no source produces "rabbitmq.node.mem_used_bytes"')],
    ],
    [
      'one field of a tuple',
      rule('  type: newValue\n  newValue: {fields: [user.name, user.nmae], remember: 1d}\n'),
      [expect.stringContaining('no source produces "user.nmae"; did you mean "user.name"?')],
    ],
    [
      'a field in the part of a ratio',
      rule('  type: ratio\n  ratio: {of: {rabbitmq.redeliverd: true}, gt: 0.5, within: 5m}\n'),
      [expect.stringContaining('did you mean "rabbitmq.redelivered"?')],
    ],
    [
      'a silence shorter than lateness, whatever its type',
      rule('  type: count\n  count: {lt: 1, within: 10s}\n'),
      ['warning rules.yaml:5:18 lateness: count.within 10s is shorter than allowedLateness 30s'],
    ],
    [
      'a time longer than anything',
      rule('  type: count\n  count: {gte: 1, within: 99999999999999999999d}\n'),
      [expect.stringContaining('must be at most ten years')],
    ],
    [
      'a number beyond reason',
      rule('  type: match\n  maxKeys: 1e26\n'),
      [
        'error rules.yaml:5:3 type: maxKeys must be at most 9007199254740991, not 1e+26',
        'error rules.yaml:5:3 type: maxKeys must be at most 10000000, not 1e+26',
      ],
    ],
    [
      'an empty list',
      rule('  type: match\n  where: {user.name: []}\n'),
      [expect.stringContaining('an empty list satisfies nothing')],
    ],
    ['an empty map', rule('  type: match\n  where: {}\n'), [expect.stringContaining('an empty map is no condition')]],
    [
      'two bounds',
      rule('  type: count\n  count: {gte: 1, lte: 2, within: 1m}\n'),
      [expect.stringContaining('one bound, not gte and lte')],
    ],
    [
      'an operator without a field',
      rule('  type: match\n  where: {keywordsFile: words.txt}\n'),
      ['error rules.yaml:5:11 where: "keywordsFile" is an operator: write it behind a field, as message.keywordsFile'],
    ],
    [
      'a key of another type',
      rule('  type: match\n  spike: {ratio: 2, window: 1m}\n'),
      ['error rules.yaml:5:3 unknown-key: unknown key "spike"; it belongs to type spike'],
    ],
    [
      'a time beside the map it belongs into',
      rule('  type: count\n  count: {gte: 1}\n  within: 5m\n'),
      [
        'error rules.yaml:5:3 missing: within is required',
        'error rules.yaml:6:3 unknown-key: unknown key "within"; it stands in the map of the type, as count: {gte: 5, within: 5m}',
      ],
    ],
    [
      'a rule’s key among the defaults',
      `defaults: {topic: AMQP}\n${rule('  type: match\n')}`,
      ['error rules.yaml:1:12 unknown-key: unknown key "topic"; it stands in each rule'],
    ],
    [
      'a second document',
      `${rule('  type: match\n')}---\nrules: []\n`,
      [expect.stringContaining('5:1 yaml: a second document begins here: one a file')],
    ],
    [
      'lists without end',
      rule(`  type: match\n  where: {message: ${'['.repeat(3000)}}\n`),
      [expect.stringMatching(/yaml: more than 100 lists or maps stand in one another here: .* bracket left open$/)],
    ],
    [
      'a key twice',
      rule('  type: match\n  type: match\n'),
      [expect.stringContaining('5:3 yaml: this key stands here twice')],
    ],
    [
      'a pattern without quotes',
      rule('  type: match\n  where: {rabbitmq.queue.like: *-dead}\n'),
      [expect.stringContaining('yaml: put it in quotes: "*-dead"')],
    ],
    ['a tab', rule('\ttype: match\n'), [expect.stringContaining('a tab cannot indent in YAML: write spaces')]],
    ['no topic', 'rules:\n- id: r\n  type: match\n', [expect.stringContaining('topic is required')]],
    [
      'a duration without a unit',
      rule('  type: count\n  count: {gte: 1, within: "5"}\n'),
      [expect.stringContaining('"5" is not a duration')],
    ],
    [
      'a zone that is none',
      rule('  type: match\n  active: {tz: Asia/Soul}\n'),
      [expect.stringContaining('"Asia/Soul" is not a time zone')],
    ],
    [
      'a body in a message',
      rule('  type: match\n  summary: "{{amqp.body.content}}"\n'),
      [expect.stringContaining('may not leave by a message')],
    ],
    [
      'a template that is none',
      rule('  type: match\n  summary: "{{user.name"\n'),
      [expect.stringContaining('template')],
    ],
    [
      'a key that no groupBy has',
      rule('  type: absence\n  groupBy: rabbitmq.queue\n  absence: {for: 5m, expectKeys: [{rabbitmq.vhost: /}]}\n'),
      [
        expect.stringContaining('the key lacks rabbitmq.queue'),
        expect.stringContaining('"rabbitmq.vhost" is not in groupBy'),
      ],
    ],
    [
      'a wide groupBy',
      rule('  type: match\n  groupBy: event.id\n'),
      [expect.stringContaining('a value per event or connection')],
    ],
  ])('%s', (_, text, expected) => {
    expect(problemsOf(text)).toEqual(expected)
  })

  test('all problems of a file are told at once', () => {
    expect(
      problemsOf(`${rule('  type: cuont\n')}- id: s\n  topic: APP\n  type: match\n  were: {}\nrule: 1\n`),
    ).toHaveLength(3)
  })

  test('what is wrong with a key does not hide what is wrong with a condition', () => {
    expect(
      problemsOf(
        rule('  type: match\n  groupby: x\n  where: {amqp.operation: queue.delte, user.name.regex: "a(?=b)"}\n'),
      ),
    ).toEqual([
      'error rules.yaml:5:3 unknown-key: unknown key "groupby"; did you mean "groupBy"?',
      'warning rules.yaml:6:11 operation: "queue.delte" is no operation; did you mean "queue.delete"?',
      expect.stringContaining('rules.yaml:6:40 regex: look-ahead'),
    ])
  })

  test.each([
    ['topic: AMPQ\n  type: match', '"AMPQ" is none of APP, AMQP, METRIC, THUMP'],
    [
      'topic: APP\n  type: match\n  severity: criticl',
      '"criticl" is none of info, warning, high, critical; did you mean "critical"?',
    ],
    ['topic: APP\n  type: count\n  count: {gte: 80%, within: 5m}', 'gte must be a number, not "80%"'],
    [
      'topic: APP\n  type: count\n  count: {gte: 8, within: 5}',
      '5 is not a duration; write it as 250ms, 5s, 10m, 2h or 7d',
    ],
    ['topic: APP\n  type: match\n  labels: [a]', 'labels must be a map, not a list'],
    ['topic: APP\n  type: match\n  tests: {name: x}', 'tests must be a list, not a map'],
  ])('a value that does not fit says what does: %s', (text, message) => {
    expect(problemsOf(`rules:\n- id: r\n  ${text}\n`).join('\n')).toContain(message)
  })

  test.each([
    [
      'a map of an alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nrules: [*c,*c,*c,*c,*c,*c,*c]\n`,
    ],
    ['twenty thousand nested lists', `rules: ${'['.repeat(20_000)}`],
    ['a list', '- a\n'],
    ['half a map', 'rules: {'],
    ['a control character', 'rules: \u0000'],
  ])('a file that is %s is refused without an exception', (_, text) => {
    const { rules, problems } = parse(text)
    expect(rules).toEqual([])
    expect(problems.length).toBeGreaterThan(0)
  })

  test('a byte order mark, CRLF, and off as text are taken', () => {
    const [found] = rulesOf(`\uFEFFrules:\r\n- id: r\r\n  topic: APP\r\n  type: match\r\n  stage: off\r\n`)
    expect(found).toMatchObject({ id: 'r', stage: 'off' })
  })
})

describe('all rules together', () => {
  const say = (text: string) => checkTogether(rulesOf(text)).map(({ message }) => message)
  const one = (id: string, rest = '  type: match\n') => `- id: ${id}\n  topic: APP\n${rest}`

  test('an id used twice names the other place', () => {
    expect(say(`rules:\n${one('a')}${one('a')}`)).toEqual(['id "a" is already used at rules.yaml:2:3'])
  })

  test('a composite needs rules that are there, are not off, and share its key', () => {
    const composite = (needs: string) =>
      `- id: c\n  type: composite\n  groupBy: service.node.name\n  needs: {allOf: [${needs}]}\n`
    expect(say(`rules:\n${one('alpha')}${composite('alpah')}`)).toEqual(['no rule "alpah"; did you mean "alpha"?'])
    expect(say(`rules:\n${one('a', '  type: match\n  stage: off\n')}${composite('a')}`)).toEqual([
      'rule "a" is off: its alerts can never be part of this',
    ])
    expect(say(`rules:\n${one('a')}${composite('a')}`)).toEqual([
      'groupBy "service.node.name" is not in the groupBy of rule "a"',
    ])
  })
})

describe('overrides', () => {
  const file = 'rules:\n- id: r\n  topic: APP\n  type: count\n  count: {gte: 5, within: 1m}\n'
  const withOverrides = (text: string) => {
    const { overrides, problems } = parseOverrides('over.yaml', text)
    const parsed = parseRuleFile('rules.yaml', file, {
      allowedLatenessMs: 30_000,
      timezone: 'UTC',
      keywords: () => undefined,
      overrides,
    })
    return { rule: parsed.rules[0], problems: [...problems, ...parsed.problems].map(formatProblem) }
  }

  test('one bound is tuned alone; another one takes its place', () => {
    expect(withOverrides('r: {count: {gte: 9}, severity: critical}').rule).toMatchObject({
      severity: 'critical',
      spec: { bound: { operator: 'gte', value: 9 }, withinMs: 60_000 },
    })
    expect(withOverrides('r: {count: {gt: 9}}').rule?.spec).toMatchObject({ bound: { operator: 'gt', value: 9 } })
  })

  test('what is wrong with them is told where they stand', () => {
    expect(withOverrides('r:\n  severity: loud\n').problems).toEqual([expect.stringMatching(/^over.yaml:2:3 type: /)])
    expect(withOverrides('r:\n  count: {within: 1}\n').problems).toEqual([expect.stringMatching(/^over.yaml:2:11 /)])
    expect(withOverrides('r:\n  absence: {for: 5m}\n').problems).toEqual([
      expect.stringMatching(/^over.yaml:2:3 unknown-key: unknown key "absence"/),
    ])
    expect(withOverrides('r: {where: {user.name.regex: "a(?=b)"}}').problems).toEqual([
      expect.stringContaining('over.yaml:1:13 regex: look-ahead'),
    ])
    expect(withOverrides('- a').problems).toEqual(['over.yaml:1:1 yaml: the file is a map of rule ids'])
  })

  test('an id that looks like an object of its own is none', () => {
    expect(withOverrides('constructor: {stage: off}').rule).toMatchObject({ id: 'r', stage: 'live' })
  })
})

describe('a set of files', () => {
  const good = 'rules:\n- {id: a, topic: APP, type: match}\n'
  const bad = 'rules:\n- {id: a, topic: APP, type: mtach}\n'
  const file = (path: string, text: string) => ({
    path,
    text,
    parsed: {
      ...parse(text),
      rules: parse(text).rules.map((each) => ({ ...each, place: { ...each.place, file: path } })),
    },
  })
  const parseAs = (path: string, text: string) => file(path, text).parsed

  test('a bad file runs in its last good version, and is marked', () => {
    const set = assembleRuleSet({ files: [file('x.yaml', bad)], parse: parseAs }, new Map([['x.yaml', good]]))
    expect(set.rules.map(({ id }) => id)).toEqual(['a'])
    expect(set.files).toMatchObject([{ isStale: true, text: good }])
  })

  test('of an id in two files the one that had it keeps it, at start the earlier by path', () => {
    const files = [file('x.yaml', good), file('y.yaml', good)]
    const atStart = assembleRuleSet({ files, parse: parseAs }, new Map())
    expect(atStart.files.map(({ path, isStale }) => [path, isStale])).toEqual([
      ['x.yaml', false],
      ['y.yaml', true],
    ])
    const later = assembleRuleSet({ files, parse: parseAs }, new Map(), new Map([['a', 'y.yaml']]))
    expect(later.files.map(({ path, isStale }) => [path, isStale])).toEqual([
      ['x.yaml', true],
      ['y.yaml', false],
    ])
  })
})
