import { describe, expect, test } from 'vitest'
import { explainRule } from '../../../../alerting/rules/explain.ts'
import { rulesOf } from '../rule-source.ts'

const rule = (rest: string) => rulesOf(`rules:\n- id: r\n  topic: AMQP\n${rest}`)[0]!
const onAmqp = { topic: 'AMQP', isHidden: false } as const
const last = (lines: readonly string[]) => lines.at(-1)

describe('a rule taken apart against one event', () => {
  const deletion = rule(
    '  type: match\n  groupBy: rabbitmq.queue\n  where: {amqp.operation: queue.delete, not: {user.name.starts: [a, b]}}\n',
  )

  test('each part says yes or no, and the value seen', () => {
    const event = { amqp: { operation: 'queue.delete' }, user: { name: 'Admin' }, rabbitmq: { queue: 'q' } }
    expect(explainRule(deletion, event, onAmqp)).toEqual([
      'rule r (match, AMQP, stage live) at rules.yaml:2',
      'where:',
      '  no  all',
      '    yes amqp.operation: "queue.delete" (seen: "queue.delete")',
      '    no  not',
      '      yes user.name.starts: "a" or "b" (seen: "Admin")',
      'groupBy rabbitmq.queue: "q"',
      '→ not taken: where is not satisfied',
    ])
  })

  test.each<[string, string, object, typeof onAmqp | object, string]>([
    ['taken', '  type: match\n', {}, {}, '→ taken'],
    [
      'another topic',
      '  type: match\n',
      {},
      { topic: 'APP' },
      '→ not taken: this event travels on APP, the rule listens to AMQP',
    ],
    ['hidden', '  type: match\n', {}, { isHidden: true }, expect.stringContaining("Thump's own doing") as never],
    ['off', '  type: match\n  stage: off\n', {}, {}, '→ not taken: the rule is off'],
    ['in shadow', '  type: match\n  stage: shadow\n', {}, {}, '→ taken (in shadow: nobody is told)'],
    ['without its key', '  type: match\n  groupBy: user.name\n', {}, {}, '→ skipped and counted: user.name is missing'],
    [
      'without its field',
      '  type: metric\n  metric: {field: a.x / a.y, gt: 1, within: 1m}\n',
      { a: { x: 1 } },
      {},
      '→ skipped and counted: a.y is missing',
    ],
    [
      'an end',
      '  type: match\n  where: {user.name: a}\n  resolveWhen: {user.name: b}\n',
      { 'user.name': 'b' },
      {},
      '→ taken: it resolves the alert of its key',
    ],
    [
      'a step',
      '  type: sequence\n  within: 1m\n  steps: [{where: {user.name: a}}, {not: {user.name: b}}]\n',
      { 'user.name': 'b' },
      {},
      '→ taken: as step 2',
    ],
    [
      'no step',
      '  type: sequence\n  within: 1m\n  steps: [{where: {user.name: a}}, {where: {user.name: b}}]\n',
      { 'user.name': 'c' },
      {},
      '→ not taken: it is none of the steps',
    ],
  ])('%s', (_, rest, event, facts, expected) => {
    expect(last(explainRule(rule(rest), event, { ...onAmqp, ...facts }))).toEqual(expected)
  })

  test('long values are cut, and many are counted', () => {
    const lines = explainRule(
      rule('  type: match\n  where: {message.contains: [a, b, c, d, e, f]}\n'),
      { message: 'x'.repeat(5000) },
      onAmqp,
    )
    expect(lines[2]).toMatch(/^ {2}no {2}message\.contains: one of 6 values \(seen: "x{50}/)
    expect(lines[2]?.length).toBeLessThan(250)
  })
})
