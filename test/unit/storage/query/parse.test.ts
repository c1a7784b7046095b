import { describe, expect, test } from 'vitest'
import type { ThumpEvent } from '../../../../event/event.ts'
import { matchesQuery } from '../../../../storage/query/matches.ts'
import { formatQueryError, parseQuery } from '../../../../storage/query/parse.ts'
import type { QueryNode } from '../../../../storage/query/query.ts'

/** A query as one short line. */
function shape(node: QueryNode): string {
  switch (node.kind) {
    case 'all':
      return 'all'
    case 'and':
    case 'or':
      return `(${node.nodes.map(shape).join(` ${node.kind} `)})`
    case 'not':
      return `not ${shape(node.node)}`
    case 'field':
      return `${node.path}${node.isPattern ? '~' : '='}${node.value}`
    case 'range':
      return `${node.path} ${node.op} ${node.value}`
    case 'exists':
      return `${node.path} exists`
    case 'text':
      return node.isPhrase ? `"${node.text}"` : node.text
  }
}

describe('the search language', () => {
  test.each([
    ['', 'all'],
    ['amqp.operation: queue.delete', 'amqp.operation=queue.delete'],
    ['amqp.operation:queue.delete and user.name: app', '(amqp.operation=queue.delete and user.name=app)'],
    ['a or b and c', '(a or (b and c))'],
    ['(a or b) c', '((a or b) and c)'],
    ['not user.name: guest', 'not user.name=guest'],
    ['rabbitmq.queue: order.*', 'rabbitmq.queue~order.*'],
    ['rabbitmq.queue: "order.*"', 'rabbitmq.queue=order.*'],
    ['rabbitmq.queue: order\\*', 'rabbitmq.queue=order*'],
    ['rabbitmq.queue: *', 'rabbitmq.queue exists'],
    ['log.level: (error or critical)', '(log.level=error or log.level=critical)'],
    ['amqp.body.bytes >= 1000', 'amqp.body.bytes gte 1000'],
    ['@timestamp < "2026-11-24T10:00:00Z"', '@timestamp lt 2026-11-24T10:00:00Z'],
    ['rabbitmq.connection: 127.0.0.1:5000', 'rabbitmq.connection=127.0.0.1:5000'],
    ['"login refused" 한글', '("login refused" and 한글)'],
    ['amqp.headers.x-and: y', 'amqp.headers.x-and=y'],
    ['AND', 'error at 0'],
    ['a and', 'error at 5'],
    ['(a', 'error at 0'],
    ['a)', 'error at 1'],
    ['user.name:', 'error at 10'],
    ['"open', 'error at 0'],
    ['user.nmae: x', 'error at 0'],
  ])('%s → %s', (text, expected) => {
    const parsed = parseQuery(text)
    expect(parsed.ok ? shape(parsed.query) : `error at ${parsed.error.at}`).toBe(expected)
  })

  test('puts a caret under the place and says what to write', () => {
    const text = 'log.level: error and rabbitmq.queu: x'
    const parsed = parseQuery(text)
    expect(parsed.ok ? '' : formatQueryError(text, parsed.error)).toBe(
      [
        text,
        '                     ^^^^^^^^^^^^^',
        'no event has a field "rabbitmq.queu"; did you mean "rabbitmq.queue"?',
      ].join('\n'),
    )
  })

  test.each([
    ['queue: orders', 'did you mean rabbitmq.queue?'],
    ['status >= 400', 'did you mean http.response.status_code?'],
    ['usr.nam: x', 'did you mean "user.name"?'],
    ['user.name=app', 'write user.name: app'],
    ['user.name != app', 'write not user.name: app'],
    ['a && b', 'write and, or, not; or "quote" it to look for it'],
    ['log.offset: [400 TO 499]', 'write log.offset >= 400 and log.offset < …'],
    ['log.level: error, warning', 'write log.level: (error or warning)'],
    ['log.offset > abc', 'write 400, 2026-11-24 or "2026-11-24T10:00:00+09:00"'],
    ['user.name: (a b)', 'values are joined by or: (a or b)'],
    ['not', 'such as amqp.operation: queue.delete'],
  ])('%s is told how to be written', (text, hint) => {
    const parsed = parseQuery(text)
    expect(parsed.ok ? 'no error' : parsed.error.hint).toBe(hint)
  })

  test.each(['amqp: *', 'labels.x: y', 'own.field: x', 'a=b', '"&&"', 'message: a,'])('%s is right', (text) => {
    expect(parseQuery(text).ok).toBe(true)
  })

  test('puts the caret where a terminal shows the place, after wide letters too', () => {
    const text = '카드 and usr.nam: x'
    const parsed = parseQuery(text)
    expect(parsed.ok ? '' : formatQueryError(text, parsed.error).split('\n')[1]).toBe(
      `${' '.repeat(9)}${'^'.repeat(7)}`,
    )
  })

  test('refuses a thousand parentheses instead of failing', () => {
    expect(parseQuery('('.repeat(5000)).ok).toBe(false)
    expect(parseQuery('not '.repeat(5000)).ok).toBe(false)
  })
})

const event = {
  '@timestamp': '2026-11-24T10:00:00.000Z',
  event: { id: 'x', dataset: 'rabbitmq.event' },
  message: "queue 'Order.New' 삭제됨 by app",
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '1' },
  amqp: { operation: 'queue.delete', body: { bytes: 1200 } },
  rabbitmq: { queue: 'Order.New', routing_keys: ['a', 'b'] },
  labels: { 'team.name': 'shop' },
} satisfies ThumpEvent

describe('a live event', () => {
  test.each([
    ['amqp.operation: queue.delete', true],
    ['amqp.operation: QUEUE.DELETE', true],
    ['amqp.operation: queue', false],
    ['rabbitmq.queue: order.*', true],
    ['rabbitmq.queue: *.new', true],
    ['rabbitmq.queue: o*r*w', true],
    ['rabbitmq.queue: order.new.*', false],
    ['rabbitmq.routing_keys: b', true],
    ['labels.team.name: shop', true],
    ['amqp.body.bytes > 1000', true],
    ['amqp.body.bytes < 1000', false],
    ['@timestamp >= 2026-11-24', true],
    ['삭제', true],
    ['"order.new\' 삭제"', true],
    ['user.name: *', false],
    ['not user.name: app', true],
  ])('%s: %s', (text, expected) => {
    const parsed = parseQuery(text)
    expect(parsed.ok && matchesQuery(parsed.query, event)).toBe(expected)
  })
})
