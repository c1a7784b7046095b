import { describe, expect, test } from 'vitest'
import { createNetwork } from '../../../../alerting/engine/network.ts'
import { compileCondition } from '../../../../alerting/rules/predicate.ts'
import { rulesOf } from '../rule-source.ts'

/** A condition asked directly and through the network and its look at the bytes: they must never disagree. */
function holds(where: string, event: unknown): boolean {
  const [rule] = rulesOf(`rules:\n- id: r\n  topic: APP\n  type: match\n  where: ${where}\n`)
  const answer = compileCondition(rule!.where)(event)
  const network = createNetwork([rule!])
  if (answer) {
    expect(network.ofEvent(event)).toEqual([0])
    expect(network.ofBytes(Buffer.from(JSON.stringify(event))) ?? [0]).toEqual([0])
  }
  return answer
}

describe('where', () => {
  test.each([
    ['text compares case-insensitively', '{user.name: Admin}', { user: { name: 'aDMIN' } }, true],
    ['unless cased', '{user.name.cased: Admin}', { user: { name: 'aDMIN' } }, false],
    ['S23 cased comes last', '{user.name.contains.cased: dm}', { user: { name: 'aDMIN' } }, false],
    ['a list of values is any of them', '{user.name: [a, b]}', { user: { name: 'b' } }, true],
    ['a list of maps is OR', '[{a: x}, {b: y}]', { b: 'y' }, true],
    ['a map is AND', '{a: x, b: y}', { b: 'y' }, false],
    ['S2 nested, dotted and mixed JSON match', '{user.name.first: x}', { user: { 'name.first': 'x' } }, true],
    ['dotted keys match', '{user.name: x}', { 'user.name': 'x' }, true],
    ['S2 an array matches if any element does', '{tags: b}', { tags: ['a', 'b'] }, true],
    ['an array of maps as well', '{a.b: 2}', { a: [{ b: 1 }, { b: 2 }] }, true],
    ['S24 text never equals a number', '{a: "1"}', { a: 1 }, false],
    ['a number equals a number', '{a: 1}', { a: 1 }, true],
    ['a boolean equals a boolean', '{a: true}', { a: true }, true],
    ['a missing field satisfies nothing', '{a.contains: x}', {}, false],
    ['but exists: false', '{a.exists: false}', {}, true],
    ['a null is absent', '{a.exists: true}', { a: null }, false],
    ['S21 not is plain negation, true over a missing field', '{not: {a: x}}', {}, true],
    ['S22 not over an array negates any element', '{not: {a: x}}', { a: ['x', 'y'] }, false],
    ['contains', '{message.contains: refused}', { message: 'login REFUSED: user' }, true],
    ['starts', '{message.starts: [a, login]}', { message: 'Login refused' }, true],
    ['ends', '{message.ends: fused}', { message: 'login refused' }, true],
    [
      'S23 regex ignores case',
      '{message.regex: "user .* - invalid"}',
      { message: "USER 'x' - INVALID credentials" },
      true,
    ],
    [
      'a regex with a bracketed class',
      '{message.regex: "node [a-z]+@[0-9.]+ down"}',
      { message: 'node rabbit@10.0.0.1 DOWN' },
      true,
    ],
    ['a regex that starts with an alternative', '{message.regex: "memory|disk"}', { message: 'Disk alarm' }, true],
    ['numbers', '{a.gte: 5, a.lt: 7}', { a: 5 }, true],
    ['a bound does not take text', '{a.gte: 5}', { a: '6' }, false],
    ['a network', '{source.ip.cidr: 10.0.0.0/8}', { source: { ip: '10.1.2.3' } }, true],
    ['a network takes a mapped address', '{source.ip.cidr: 10.0.0.0/8}', { source: { ip: '::ffff:10.1.2.3' } }, true],
    ['an IPv6 network', '{source.ip.cidr: "fd00::/8"}', { source: { ip: 'fd12::1' } }, true],
    ['S25 a mapped address is its IPv4 address', '{source.ip: 10.1.2.3}', { source: { ip: '::ffff:10.1.2.3' } }, true],
    [
      'a field whose last segment is an operator stands in brackets',
      '{"[labels.in]": x}',
      { labels: { in: 'x' } },
      true,
    ],
    ['and may have an operator', '{"[labels.in].contains": x}', { labels: { in: 'axb' } }, true],
    ['S26 both sides are NFC', '{a: "\u1112\u1161\u11ab"}', { a: '한' }, true],
    ['also within a text', '{message.contains: 해지}', { message: '계좌 해지 요청'.normalize('NFD') }, true],
    ['S26 the Kelvin sign folds to k', '{a: k}', { a: '\u212a' }, true],
    ['a long s folds to s in a pattern as well', '{message.regex: "pass[0-9]"}', { message: 'pa\u017f\u017f1' }, true],
    ['keywords of a file', '{message.keywordsFile: words.txt}', { message: '고객이 카드론 문의' }, true],
    ['quotes and backslashes', String.raw`{user.name: 'a"b\c'}`, { user: { name: 'A"B\\C' } }, true],
    ['__proto__ in an event is data', '{__proto__.x: y}', JSON.parse('{"__proto__":{"x":"y"}}'), true],
    ['constructor is no field', '{constructor.name: Object}', {}, false],
  ] as const)('%s', (_, where, event, expected) => {
    expect(holds(where, event)).toBe(expected)
  })

  test('a long line in any language is met at its beginning and at its end', () => {
    const message = `Ошибка ${'ж'.repeat(200_000)} Конец`
    expect(holds('{message.contains: ошибка}', { message })).toBe(true)
    expect(holds('{message.ends: конец}', { message })).toBe(true)
  })

  test('an evil pattern over 50 kB costs under 5 ms', () => {
    const [rule] = rulesOf('rules:\n- {id: r, topic: APP, type: match, where: {message.regex: "(a+)+b"}}\n')
    const test = compileCondition(rule!.where)
    const message = 'a'.repeat(50_000)
    test({ message })
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now()
      test({ message })
      return performance.now() - started
    })
    expect(Math.min(...times)).toBeLessThan(5)
  })
})
