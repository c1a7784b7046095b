import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseRuleFile } from '../../../../alerting/rules/parse-file.ts'
import type { ParsedFile } from '../../../../alerting/rules/parsed-file.ts'
import type { ParseContext } from '../../../../alerting/rules/parse-rule.ts'
import { parseOverrides } from '../../../../alerting/rules/parse-file.ts'
import { RulePieces } from '../../../../alerting/rules/rule-pieces.ts'
import { splitRules } from '../../../../alerting/rules/split-rules.ts'

const context: ParseContext = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => ['word'] }
const plain = (parsed: ParsedFile) => JSON.parse(JSON.stringify(parsed)) as unknown
const whole = (text: string, by = context) => plain(parseRuleFile('r.yaml', text, by))

const file = `# what this is
defaults: {owner: mq-team}
rules:
# the first
- id: one
  topic: APP
  type: match
  where: {message.contains: one}
  description: |
    two lines

    - that look like a list
- {id: two, topic: APP, type: match, where: {mesage: two}}

- id: three
  topic: AMQP
  type: count
  groupBy: user.name
  count: {gte: 3, within: 1m}
  tests:
  - name: three
    events: [{at: 0s, user.name: a, repeat: 3, every: 1s}]
    expect: [{at: 2s, state: firing}]
`

test('a file read in pieces is the same as one read whole, the shipped rules too', () => {
  const dir = join(import.meta.dirname, '../../../../deploy/rules')
  const shipped = readdirSync(dir)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(dir, name), 'utf8'))
  expect(shipped.length).toBeGreaterThan(3)
  expect(splitRules(file)?.rules).toHaveLength(3)
  for (const text of [file, file.replaceAll('\n', '\r\n'), file.replaceAll(/^(?=[- ])/gm, '  '), ...shipped]) {
    const pieces = new RulePieces()
    expect(plain(parseRuleFile('r.yaml', text, context, pieces))).toEqual(whole(text))
    pieces.sweep()
    expect(plain(parseRuleFile('r.yaml', text, context, pieces))).toEqual(whole(text))
  }
})

test('a rule that stands as it stood is the same object; one that moved has its new place', () => {
  const pieces = new RulePieces()
  const before = parseRuleFile('r.yaml', file, context, pieces)
  pieces.sweep()
  const edited = file.replace('contains: one}', 'contains: other}\n  severity: high')
  const after = parseRuleFile('r.yaml', edited, context, pieces)
  expect(plain(after)).toEqual(whole(edited))
  expect(after.rules[2]?.where).toBe(before.rules[2]?.where)
  expect(after.rules[0]?.where).not.toBe(before.rules[0]?.where)
  pieces.sweep()
  const again = parseRuleFile('r.yaml', edited, context, pieces)
  again.rules.forEach((rule, index) => expect(rule).toBe(after.rules[index]))
})

test.each([
  ['its defaults', file.replace('mq-team', 'other-team'), context],
  ['allowedLateness', file, { ...context, allowedLatenessMs: 1000 }],
  ['the time zone', file, { ...context, timezone: 'Asia/Seoul' }],
  ['an override', file, { ...context, overrides: parseOverrides('o.yaml', 'one: {severity: high}').overrides }],
])('a rule is read anew when what changes is %s', (_, text, by) => {
  const pieces = new RulePieces()
  parseRuleFile('r.yaml', file, context, pieces)
  pieces.sweep()
  expect(plain(parseRuleFile('r.yaml', text, by, pieces))).toEqual(whole(text, by))
})

test('a dictionary is read anew with every reload, and so is a rule whose override went', () => {
  const text = 'rules:\n- {id: words, topic: APP, type: match, where: {message.keywordsFile: words.txt}}\n'
  const pieces = new RulePieces()
  parseRuleFile('r.yaml', text, context, pieces)
  pieces.sweep()
  const other = { ...context, keywords: () => ['another'] }
  expect(plain(parseRuleFile('r.yaml', text, other, pieces))).toEqual(whole(text, other))
  const { overrides } = parseOverrides('o.yaml', 'one: {severity: high}')
  parseRuleFile('r.yaml', file, { ...context, overrides }, pieces)
  pieces.sweep()
  expect(plain(parseRuleFile('r.yaml', file, context, pieces))).toEqual(whole(file))
})

test.each([
  ['a mistake in one rule', file.replace('type: count', 'type: cuont')],
  [
    'quotes over several lines, one of which looks like a rule',
    'rules:\n- id: "a\n- id: b"\n  topic: APP\n  type: match\n',
  ],
  [
    'an anchor used by another rule',
    file.replace('{message.contains: one}', '&a {x: 1}').replace('{mesage: two}', '*a'),
  ],
  ['a key behind the rules', `${file}defaults: {}\n`],
  ['a second document', `${file}---\nrules: []\n`],
  ['a list within the list', 'rules:\n- - id: a\n'],
  ['rules that are no list', 'rules:\n  id: a\n'],
  ['an unknown key', `colour: red\n${file}`],
  ['a directive', `%YAML 1.1\n---\n${file}`],
])('%s is told as of the whole file', (_, text) => {
  expect(plain(parseRuleFile('r.yaml', text, context, new RulePieces()))).toEqual(whole(text))
})
