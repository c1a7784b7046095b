import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collecting, textsOf } from './framed.ts'

const lines = (...all: string[]) => all.map((line) => `${line}\n`).join('')

// Recorded from a 3.10.8 node.
const banner = '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> '
const v310 = lines(
  '2026-11-24 15:19:18.524017+00:00 [notice] <0.279.0> WAL: ra_coordination_log_wal init, open tbls: ra_coordination_log_open_mem_tables, closed tbls: ra_coordination_log_closed_mem_tables',
  banner,
  `${banner} Starting RabbitMQ 3.10.8 on Erlang 25.2.3 [jit]`,
  `${banner} Copyright (c) 2007-2022 VMware, Inc. or its affiliates.`,
  `${banner} Licensed under the MPL 2.0. Website: https://rabbitmq.com`,
  '2026-11-24 15:19:18.529240+00:00 [info] <0.223.0> ',
  '2026-11-24 15:19:18.529240+00:00 [info] <0.223.0>  node           : thump-21591@localhost',
)

// Recorded from a 4.0.5 node.
const v40 = lines(
  '2026-11-24 15:58:48.728968+00:00 [error] <0.3401.0> Error on AMQP connection <0.3401.0> (127.0.0.1:41514 -> 127.0.0.1:31342, state: starting):',
  "2026-11-24 15:58:48.728968+00:00 [error] <0.3401.0> PLAIN login refused: user 'intruder-31c447c8' - invalid credentials",
  "2026-11-24 15:58:48.730083+00:00 [info] <0.3401.0> closing AMQP connection (127.0.0.1:41514 -> 127.0.0.1:31342, duration: '6ms')",
)

test('RabbitMQ 3.10 repeats the prefix on every line: the banner is one record', () => {
  const [wal, start, node] = textsOf(v310)
  expect(wal).toMatch(/^WAL: ra_coordination_log_wal init/)
  expect(start?.split('\n').map((text) => text.slice(0, 18))).toEqual([
    '',
    ' Starting RabbitMQ',
    ' Copyright (c) 200',
    ' Licensed under th',
  ])
  expect(node).toBe('\n node           : thump-21591@localhost')
})

test('RabbitMQ 4.0: the two lines of a refused login are one record, the next line another', () => {
  expect(textsOf(v40)).toEqual([
    "Error on AMQP connection <0.3401.0> (127.0.0.1:41514 -> 127.0.0.1:31342, state: starting):\nPLAIN login refused: user 'intruder-31c447c8' - invalid credentials",
    "closing AMQP connection (127.0.0.1:41514 -> 127.0.0.1:31342, duration: '6ms')",
  ])
})

test('RabbitMQ 3.7 and 3.8: bare lines continue the record before them', () => {
  const file = lines(
    "2018-06-17 06:28:40.868 [warning] <0.646.0> closing AMQP connection <0.646.0> (127.0.0.1:58667 -> 127.0.0.1:5672, vhost: '/', user: 'guest'):",
    'client unexpectedly closed TCP connection',
    '2019-11-22 09:46:33.835 [warning] <0.241.0> memory resource limit alarm set on node rabbit@node2.',
    '',
    '*** Publishers will be blocked until this alarm clears ***',
  )
  expect(textsOf(file)).toEqual([
    "closing AMQP connection <0.646.0> (127.0.0.1:58667 -> 127.0.0.1:5672, vhost: '/', user: 'guest'):\nclient unexpectedly closed TCP connection",
    'memory resource limit alarm set on node rabbit@node2.\n\n*** Publishers will be blocked until this alarm clears ***',
  ])
})

test('RabbitMQ 3.6: a report goes from its header to the next, whatever its level', () => {
  const file = lines(
    '=INFO REPORT==== 30-May-2017::04:32:15 ===',
    'accepting AMQP connection <0.32737.44> (10.0.1.128:34526 -> 10.0.2.174:5672)',
    '',
    '=CRASH REPORT==== 4-Apr-2018::03:19:35 ===',
    '  crasher:',
    '    initial call: gen:init_it/6',
    '    pid: <0.713.0>',
  )
  const { framer, records } = collecting()
  framer.frame(Buffer.from(file), 0, file.length, true)
  expect(records).toEqual([
    {
      kind: 'report',
      text: '=INFO REPORT==== 30-May-2017::04:32:15 ===\naccepting AMQP connection <0.32737.44> (10.0.1.128:34526 -> 10.0.2.174:5672)',
      flags: '',
    },
    {
      kind: 'report',
      text: '=CRASH REPORT==== 4-Apr-2018::03:19:35 ===\n  crasher:\n    initial call: gen:init_it/6\n    pid: <0.713.0>',
      flags: '',
    },
  ])
})

test('a line that only holds a date does not begin a record', () => {
  const file = lines(
    '2024-03-28 15:57:10.383 [error] <0.31774.55> CRASH REPORT Process with 0 neighbours exited with reason:',
    'at 2024-03-28 15:57:10.383 the file {2024-03-28} was gone',
  )
  expect(textsOf(file)).toHaveLength(1)
})

test('with times of whole seconds an equal prefix proves nothing: only indented or empty lines continue', () => {
  const at = '2026-11-24T15:19:18+00:00 [info] <0.223.0> '
  expect(textsOf(lines(`${at}one`, `${at}two`, `${at}  of two`, at, `${at}three`))).toEqual([
    'one',
    'two\n  of two',
    'three',
  ])
})

test('lines of one time but another process or level are records of their own', () => {
  const file = lines(
    '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> one',
    '2026-11-24 15:19:18.527408+00:00 [info] <0.224.0> two',
    '2026-11-24 15:19:18.527408+00:00 [error] <0.224.0> three',
  )
  expect(textsOf(file)).toEqual(['one', 'two', 'three'])
})

test('JSON lines stand alone, also between plain ones', () => {
  const json = '{"time":"2026-11-22 17:04:23.938790+00:00","level":"warning","msg":"a\\nb","pid":"<0.982.0>"}'
  expect(textsOf(lines(json, json))).toEqual([json, json])
  expect(textsOf(lines('2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> one', json, 'bare'))).toEqual([
    'one',
    json,
    'bare',
  ])
})

test('CRLF ends a line as LF does', () => {
  expect(textsOf(v40.replaceAll('\n', '\r\n'))).toEqual(textsOf(v40))
})

test('NUL bytes that a truncation left are stepped over and counted, and join nothing', () => {
  const { framer, records } = collecting()
  const one = '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> one\n'
  const bytes = Buffer.from(`${one}${'\0'.repeat(70)}${one}`)
  framer.frame(bytes, 0, bytes.length, true)
  expect(records.map(({ text }) => text)).toEqual(['one', 'one'])
  expect(framer.nulBytes).toBe(70)
})

test('a line beyond the limit is cut at a whole character and flagged; its neighbours are intact', () => {
  const { framer, records } = collecting('plain', { maxLineBytes: 10 })
  const bytes = Buffer.from(lines('before', `123456789가나다`, 'after'))
  framer.frame(bytes, 0, bytes.length, true)
  expect(records).toEqual([
    { kind: 'line', text: 'before', flags: '' },
    { kind: 'line', text: '123456789', flags: 'truncated' },
    { kind: 'line', text: 'after', flags: '' },
  ])
  expect(framer.longLines).toBe(1)
})

test('a record beyond the limit of lines goes out in parts that say so', () => {
  const { framer, records } = collecting('rabbitmq', { maxLines: 3 })
  const at = '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> '
  const bytes = Buffer.from(lines(`${at}1`, `${at}2`, `${at}3`, `${at}4`))
  framer.frame(bytes, 0, bytes.length, true)
  expect(records).toEqual([
    { kind: 'rabbitmq', text: '1\n2\n3', flags: 'partial' },
    { kind: 'rabbitmq', text: '4', flags: 'continued' },
  ])
})

test('what is not proven complete is not consumed', () => {
  const { framer, records } = collecting()
  const bytes = Buffer.from(v40)
  const consumed = framer.frame(bytes, 0, bytes.length, false)
  expect(records).toHaveLength(1)
  expect(bytes.toString('utf8', consumed)).toMatch(/^2026-11-24 15:58:48\.730083\+00:00 \[info\].*duration: '6ms'\)\n$/)
})

test('an unfinished last line stays, and goes out flagged once it is asked for', () => {
  const { framer, records } = collecting('plain')
  const bytes = Buffer.from('whole\nunfini')
  expect(framer.frame(bytes, 0, bytes.length, true)).toBe(6)
  expect(framer.frame(bytes, 6, bytes.length, true, true)).toBe(bytes.length)
  expect(records).toEqual([
    { kind: 'line', text: 'whole', flags: '' },
    { kind: 'line', text: 'unfini', flags: 'partial' },
  ])
})

test('wherever the bytes are cut between two reads, the records are the same', () => {
  const bytes = Buffer.from(v310 + v40)
  const whole = textsOf(bytes)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }), (cuts) => {
      const { framer, records } = collecting()
      let at = 0
      for (const cut of [...cuts].sort((a, b) => a - b)) at = cut > at ? framer.frame(bytes, at, cut, false) : at
      framer.frame(bytes, at, bytes.length, true)
      expect(records.map(({ text }) => text)).toEqual(whole)
    }),
    { numRuns: 200 },
  )
})

test('no bytes make the framer fail, lose its place or give a record twice', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (raw) => {
      const { framer } = collecting()
      const bytes = Buffer.from(raw)
      const consumed = framer.frame(bytes, 0, bytes.length, true, true)
      expect(consumed).toBe(bytes.length)
    }),
    { numRuns: 500 },
  )
})
