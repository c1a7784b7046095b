import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeOfPid, parseAddress } from '../../../../agent/parse/erlang/address.ts'
import { parseAmqpTable } from '../../../../agent/parse/erlang/amqp-table.ts'
import { parseTerm } from '../../../../agent/parse/erlang/term.ts'

describe('an Erlang term as text', () => {
  test.each([
    ['{<<"x-expires">>,short,500}', ['x-expires', 'short', 500]],
    ['[]', []],
    ['{127,0,0,1}', [127, 0, 0, 1]],
    ['<<"a\\"b">>', 'a"b'],
    ['<<"한글"/utf8>>', '한글'],
    ['<<104,105>>', 'hi'],
    ['#{<<"a">> => 1, b => true}', { a: 1, b: true }],
    ["'quoted atom'", 'quoted atom'],
    ['[1,2|3]', [1, 2, 3]],
    ['<0.12.3>', '<0.12.3>'],
    ['-1.5e3', -1500],
  ])('%s is read', (text, expected) => {
    expect(parseTerm(text)).toEqual(expected)
  })

  test.each(['{', '{1,}', '<<"a"', '"', '<<256>>', 'Upper', '', '1 2', '{'.repeat(100)])('%s is refused', (text) => {
    expect(parseTerm(text)).toBeUndefined()
  })

  test('mutated terms never throw', () => {
    const alphabet = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '<<',
      '>>',
      '"',
      "'",
      ',',
      '|',
      '#{',
      '=>',
      '\\',
      'x{',
      '1',
      'a',
      '<0.1.2>',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => {
        parseTerm(parts.join(''))
      }),
      { numRuns: 2000 },
    )
  })
})

test('an AMQP table becomes an object, nested tables and arrays too; __proto__ stays a key', () => {
  const table = parseAmqpTable([
    '{<<"x-expires">>,short,500}',
    '{<<"caps">>,table,[{<<"basic.nack">>,bool,true}]}',
    '{<<"list">>,array,[{longstr,<<"a">>},{long,2}]}',
    '{<<"__proto__">>,longstr,<<"x">>}',
    'nonsense',
  ])
  expect(Object.entries(table)).toEqual([
    ['x-expires', 500],
    ['caps', { 'basic.nack': true }],
    ['list', ['a', 2]],
    ['__proto__', 'x'],
  ])
})

test.each([
  ['{127,0,0,1}', '127.0.0.1'],
  ['{0,0,0,0,0,65535,49320,257}', '192.168.1.1'],
  ['{0,0,0,0,0,0,0,1}', '::1'],
  ['{8193,3512,0,0,0,0,0,1}', '2001:db8::1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['hostname', undefined],
])('the address %s is %s', (text, expected) => {
  expect(parseAddress(text)).toBe(expected)
})

test('a distributed pid names its node', () => {
  expect(nodeOfPid('<rabbit@mq-1.example.1700.12.0>')).toBe('rabbit@mq-1.example')
  expect(nodeOfPid('<0.12.0>')).toBeUndefined()
})
