import { expect, test } from 'vitest'
import { failuresOf } from '../rule-source.ts'

/** Each rule type's meaning, said in the language's own tests: what they expect is the complete list of firings. */
test.each([
  [
    'M10 match: more matches of the key join the open alert; it closes silently after quiet',
    `
- id: r
  topic: APP
  type: match
  where: {log.level: error}
  groupBy: service.node.name
  tests:
  - name: joined, then closed, then another
    events:
    - {at: 0s, log.level: ERROR, service.node.name: a}
    - {at: 1m, log.level: error, service.node.name: a}
    - {at: 2m, log.level: error, service.node.name: b}
    - {at: 7m, log.level: error, service.node.name: a}
    advance: 20m
    expect:
    - {at: 0s, key: {service.node.name: a}}
    - {at: 2m, key: {service.node.name: b}}
    - {at: 6m, key: {service.node.name: a}, state: resolved}
    - {at: 7m, key: {service.node.name: a}}
    - {at: 7m, key: {service.node.name: b}, state: resolved}
    - {at: 12m, key: {service.node.name: a}, state: resolved}`,
  ],
  [
    'S20 match: resolveWhen is tested before where and resolves',
    `
- id: r
  topic: APP
  type: match
  where: {event.code.starts: memory-alarm}
  resolveWhen: {event.code: memory-alarm-cleared}
  groupBy: service.node.name
  tests:
  - name: set, cleared, set again
    events:
    - {at: 0s, event.code: memory-alarm-set, service.node.name: a}
    - {at: 1s, event.code: memory-alarm-cleared, service.node.name: a}
    - {at: 2s, event.code: memory-alarm-set, service.node.name: a}
    advance: 3h
    expect: [{at: 0s}, {at: 1s, state: resolved}, {at: 2s}]`,
  ],
  [
    'S19 match: quiet 0s makes each match an episode of its own',
    `
- id: r
  topic: APP
  type: match
  where: {log.level: error}
  quiet: 0s
  tests:
  - name: three
    events: [{at: 0s, log.level: error, repeat: 3, every: 1s}]
    expect: [{at: 0s}, {at: 1s}, {at: 2s}]`,
  ],
  [
    'M2 S14 count: the window is half-open, and an event exactly its length later finds the first one gone',
    `
- id: r
  topic: AMQP
  type: count
  count: {gte: 3, within: 60s}
  tests:
  - name: 0, 30, 60 is two in each window
    events: [{at: 0s}, {at: 30s}, {at: 60s}]
    advance: 10m
    expect: []
  - name: a millisecond earlier is three
    events: [{at: 0s}, {at: 30s}, {at: 59999ms}]
    advance: 10m
    expect: [{at: 59999ms}, {at: 60s, state: resolved}]
  - name: it goes on after it fires
    events: [{at: 0s, repeat: 5, every: 10s}]
    advance: 10m
    expect: [{at: 20s}, {at: 80s, state: resolved}]`,
  ],
  [
    'S16 count: lte is judged after one full window, from the start where there is no key',
    `
- id: r
  topic: AMQP
  type: count
  count: {lte: 0, within: 5m}
  tests:
  - name: nothing at all
    advance: 20m
    expect: [{at: 5m}]
  - name: comes and goes
    events: [{at: 1m}, {at: 12m}]
    advance: 16m
    expect: [{at: 6m}, {at: 12m, state: resolved}]`,
  ],
  [
    'S11 absence: an expected key alerts although it was never seen, each alert ends when its key is back',
    `
- id: r
  topic: AMQP
  type: absence
  where: {amqp.operation: basic.deliver}
  groupBy: rabbitmq.queue
  absence: {for: 10m, expectKeys: [order.new, order.paid]}
  tests:
  - name: ten quiet minutes
    events:
    - {at: 0s, amqp.operation: basic.deliver, rabbitmq.queue: order.new}
    - {at: 12m, amqp.operation: basic.deliver, rabbitmq.queue: order.new}
    advance: 13m
    expect:
    - {at: 10m, key: {rabbitmq.queue: order.new}}
    - {at: 10m, key: {rabbitmq.queue: order.paid}}
    - {at: 12m, key: {rabbitmq.queue: order.new}, state: resolved}`,
  ],
  [
    'S17 absence: without groupBy and any event it fires `for` after the start',
    `
- id: r
  topic: APP
  type: absence
  absence: {for: 10m}
  tests:
  - name: nothing
    advance: 2h
    expect: [{at: 10m}]`,
  ],
  [
    'S49 absence: the clock stands still outside the calendar',
    `
- id: r
  topic: APP
  type: absence
  absence: {for: 30m}
  active: {days: mon-fri, hours: "08:00-20:00", tz: Asia/Seoul}
  tests:
  - name: over the night
    start: 2026-01-05T19:50:00+09:00
    events: [{at: 0s}]
    advance: 20h
    expect: [{at: 750m}]`,
  ],
  [
    'S15 distinct: once a crossing',
    `
- id: r
  topic: AMQP
  type: distinct
  groupBy: source.ip
  distinct: {field: user.name, gte: 3, within: 1m}
  tests:
  - name: three users from one address
    events:
    - {at: 0s, source.ip: 10.0.0.1, user.name: a}
    - {at: 1s, source.ip: 10.0.0.1, user.name: b}
    - {at: 2s, source.ip: 10.0.0.1, user.name: b}
    - {at: 3s, source.ip: 10.0.0.1, user.name: c}
    - {at: 4s, source.ip: 10.0.0.1, user.name: d}
    - {at: 5s, source.ip: 10.0.0.2, user.name: d}
    advance: 5m
    expect: [{at: 3s, key: {source.ip: 10.0.0.1}}, {at: 62s, state: resolved}]`,
  ],
  [
    'S28 ratio: matching of all, from minTotal on',
    `
- id: r
  topic: AMQP
  type: ratio
  where: {amqp.operation: basic.deliver}
  ratio: {of: {rabbitmq.redelivered: true}, gte: 0.5, within: 1m, minTotal: 4}
  tests:
  - name: half of four
    events:
    - {at: 0s, amqp.operation: basic.deliver, rabbitmq.redelivered: true}
    - {at: 1s, amqp.operation: basic.deliver, rabbitmq.redelivered: true}
    - {at: 2s, amqp.operation: basic.deliver, rabbitmq.redelivered: false}
    - {at: 3s, amqp.operation: basic.deliver, rabbitmq.redelivered: false}
    advance: 5m
    expect: [{at: 3s}, {at: 60s, state: resolved}]`,
  ],
  [
    'S33 S34 spike: this window against the one before, after two full ones',
    `
- id: r
  topic: AMQP
  type: spike
  spike: {ratio: 3, window: 1m, minCurrent: 6}
  tests:
  - name: two, two, then six
    events:
    - {at: 0s, repeat: 4, every: 30s}
    - {at: 125s, repeat: 6, every: 1s}
    advance: 131s
    expect: [{at: 129s}]`,
  ],
  [
    'S37 metric: a mean that holds beyond a bound for a time; a quotient of two fields',
    `
- id: r
  topic: METRIC
  type: metric
  groupBy: service.node.name
  metric: {field: rabbitmq.node.mem_used_bytes / rabbitmq.node.mem_limit_bytes, op: avg, gte: 0.8, within: 30s, for: 1m}
  tests:
  - name: holds for a minute
    events:
    - {at: 0s, service.node.name: a, rabbitmq.node.mem_used_bytes: 90, rabbitmq.node.mem_limit_bytes: 100, repeat: 8, every: 15s}
    - {at: 2m, service.node.name: a, rabbitmq.node.mem_used_bytes: 10, rabbitmq.node.mem_limit_bytes: 100, repeat: 4, every: 15s}
    advance: 3m
    expect: [{at: 1m, key: {service.node.name: a}}, {at: 2m, state: resolved}]
  - name: a dip begins anew
    events:
    - {at: 0s, service.node.name: a, rabbitmq.node.mem_used_bytes: 90, rabbitmq.node.mem_limit_bytes: 100, repeat: 3, every: 15s}
    - {at: 45s, service.node.name: a, rabbitmq.node.mem_used_bytes: 10, rabbitmq.node.mem_limit_bytes: 100}
    - {at: 75s, service.node.name: a, rabbitmq.node.mem_used_bytes: 90, rabbitmq.node.mem_limit_bytes: 100, repeat: 4, every: 15s}
    advance: 2m
    expect: []`,
  ],
  [
    'S18 change: a value differs from the last one of its key',
    `
- id: r
  topic: METRIC
  type: change
  groupBy: service.node.name
  change: {field: rabbitmq.node.version}
  tests:
  - name: an upgrade
    events:
    - {at: 0s, service.node.name: a, rabbitmq.node.version: 3.10.8}
    - {at: 1s, service.node.name: b, rabbitmq.node.version: 4.0.5}
    - {at: 2s, service.node.name: a, rabbitmq.node.version: 3.10.8}
    - {at: 3s, service.node.name: a, rabbitmq.node.version: 4.0.5}
    expect: [{at: 3s, key: {service.node.name: a}}]`,
  ],
  [
    'S38 S39 newValue: quiet while it learns, then each tuple once as long as it is remembered',
    `
- id: r
  topic: AMQP
  type: newValue
  newValue: {fields: [user.name, source.ip], remember: 1h, learn: 10m}
  tests:
  - name: learnt, new, forgotten
    events:
    - {at: 0s, user.name: a, source.ip: 10.0.0.1}
    - {at: 11m, user.name: a, source.ip: 10.0.0.1}
    - {at: 12m, user.name: a, source.ip: 10.0.0.2}
    - {at: 13m, user.name: a, source.ip: 10.0.0.2}
    - {at: 14m, user.name: a}
    - {at: 71m, user.name: a, source.ip: 10.0.0.1}
    expect: [{at: 12m}, {at: 71m}]`,
  ],
  [
    'S41 sequence: in order, within a time, on one key; a step that must not come between',
    `
- id: r
  topic: AMQP
  type: sequence
  groupBy: user.name
  within: 1m
  steps:
  - where: {amqp.operation: login.failure}
  - not: {amqp.operation: user.password}
  - where: {amqp.operation: login.success}
  tests:
  - name: failure then success
    events: [{at: 0s, user.name: a, amqp.operation: login.failure}, {at: 59s, user.name: a, amqp.operation: login.success}]
    expect: [{at: 59s}]
  - name: too late
    events: [{at: 0s, user.name: a, amqp.operation: login.failure}, {at: 60s, user.name: a, amqp.operation: login.success}]
    expect: []
  - name: another's success
    events: [{at: 0s, user.name: a, amqp.operation: login.failure}, {at: 5s, user.name: b, amqp.operation: login.success}]
    expect: []
  - name: explained by a new password
    events: [{at: 0s, user.name: a, amqp.operation: login.failure}, {at: 5s, user.name: a, amqp.operation: user.password}, {at: 6s, user.name: a, amqp.operation: login.success}]
    expect: []
  - name: the latest start counts, parts are used up
    events:
    - {at: 0s, user.name: a, amqp.operation: login.failure}
    - {at: 50s, user.name: a, amqp.operation: login.failure}
    - {at: 55s, user.name: a, amqp.operation: login.success}
    - {at: 58s, user.name: a, amqp.operation: login.success}
    - {at: 59s, user.name: a, amqp.operation: login.success}
    expect: [{at: 55s}, {at: 58s}]`,
  ],
  [
    'S42 S43 sequence: a trailing not fires at first step plus within, a leading not looks back',
    `
- id: trailing
  topic: AMQP
  type: sequence
  groupBy: rabbitmq.queue
  within: 5m
  steps: [{where: {amqp.operation: queue.delete}}, {not: {amqp.operation: queue.declare}}]
  tests:
  - name: not declared again
    events: [{at: 0s, rabbitmq.queue: q, amqp.operation: queue.delete}]
    advance: 10m
    expect: [{at: 5m}]
  - name: declared again
    events: [{at: 0s, rabbitmq.queue: q, amqp.operation: queue.delete}, {at: 1m, rabbitmq.queue: q, amqp.operation: queue.declare}]
    advance: 10m
    expect: []
- id: leading
  topic: AMQP
  type: sequence
  groupBy: user.name
  within: 5m
  steps: [{not: {amqp.operation: login.success}}, {where: {amqp.operation: queue.delete}}]
  tests:
  - name: deleted without a login before
    events: [{at: 0s, user.name: a, amqp.operation: queue.delete}]
    expect: [{at: 0s}]
  - name: logged in before
    events: [{at: 0s, user.name: a, amqp.operation: login.success}, {at: 1m, user.name: a, amqp.operation: queue.delete}]
    expect: []`,
  ],
  [
    'S40 sequence: any order, each step by an event of its own',
    `
- id: r
  topic: AMQP
  type: sequence
  ordered: false
  within: 1m
  steps: [{where: {amqp.operation: a}}, {where: {amqp.operation: [a, b]}}]
  tests:
  - name: one event fills one step
    events: [{at: 0s, amqp.operation: a}]
    expect: []
  - name: backwards
    events: [{at: 0s, amqp.operation: b}, {at: 5s, amqp.operation: a}]
    expect: [{at: 5s}]`,
  ],
  [
    "S45 S48 composite: other rules' alerts together, until the need ends",
    `
- id: memory
  topic: APP
  type: match
  where: {event.code: memory-alarm-set}
  resolveWhen: {event.code: memory-alarm-cleared}
  groupBy: service.node.name
- id: churn
  topic: APP
  type: count
  where: {event.code: missed-heartbeats}
  groupBy: [service.node.name, user.name]
  count: {gte: 2, within: 1m}
- id: both
  type: composite
  groupBy: service.node.name
  needs: {allOf: [memory, churn]}
  tests:
  - name: on one node
    events:
    - {at: 0s, topic: APP, event.code: memory-alarm-set, service.node.name: a}
    - {at: 1s, topic: APP, event.code: memory-alarm-set, service.node.name: b}
    - {at: 2s, topic: APP, event.code: missed-heartbeats, service.node.name: a, user.name: x, repeat: 2, every: 1s}
    advance: 5m
    expect: [{at: 3s, key: {service.node.name: a}}, {at: 62s, key: {service.node.name: a}, state: resolved}]`,
  ],
])('%s', (_, text) => {
  expect(failuresOf(`rules:${text}`)).toEqual([])
})
