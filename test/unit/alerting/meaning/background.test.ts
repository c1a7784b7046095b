import { expect, test } from 'vitest'
import { failuresOf } from '../rule-source.ts'

const rule = (where: string, expected: string) => `
rules:
- id: r
  topic: AMQP
  type: match
  where: {${where}}
  tests:
  - name: t
    events: [{at: 0s, amqp.operation: queue.delete, tags: [thump-internal]}, {at: 1s, event.dataset: rabbitmq.attribution, amqp.operation: queue.delete}]
    advance: 1m
    expect: [${expected}]
`

test.each([
  ['neither Thump’s own doings nor evidence fires a rule', 'amqp.operation: queue.delete', ''],
  ['Thump’s own doings do where a rule asks for tags', 'tags: thump-internal', '{at: 0s}'],
  ['evidence does where a rule asks for its dataset', 'event.dataset: rabbitmq.attribution', '{at: 1s}'],
])('%s', (_, where, expected) => {
  expect(failuresOf(rule(where, expected))).toEqual([])
})
