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

test.each([
  [
    'an alert that its own doings end by resolveWhen',
    'type: match, where: {amqp.operation: queue.delete}, resolveWhen: {tags: thump-internal}',
    '{at: 0s}, {at: 2s, state: resolved}',
  ],
  [
    'a share of them among all',
    'type: ratio, ratio: {of: {tags: thump-internal}, gte: 0.5, within: 10s, minTotal: 2}',
    '{at: 2s}',
  ],
  [
    'a step of a sequence',
    'type: sequence, within: 10s, steps: [{where: {amqp.operation: queue.delete}}, {where: {tags: thump-internal}}]',
    '{at: 2s}',
  ],
])('a rule asks for them in whichever of its conditions: %s', (_, own, expected) => {
  const events =
    '{at: 0s, amqp.operation: queue.delete}, {at: 2s, amqp.operation: queue.declare, tags: [thump-internal]}'
  expect(
    failuresOf(`
rules:
- {id: r, topic: AMQP, ${own}, tests: [{name: t, events: [${events}], advance: 5s, expect: [${expected}]}]}
`),
  ).toEqual([])
})
