import { expect, test } from 'vitest'
import { jsonLine } from '../../../../agent/sources/log-files/json-line.ts'

const utc = () => 0
const read = (line: Record<string, unknown>, zone = utc) => jsonLine(JSON.stringify(line), zone)
const closing = "closing AMQP connection <0.982.0> (127.0.0.1:46120 -> 127.0.0.1:5774, vhost: '/', user: 'guest')"
const crash = '  crasher:\n    initial call: gen:init_it/6'

test("RabbitMQ's own names are read", () => {
  const line = {
    time: '2026-11-22 17:04:23.938790+00:00',
    level: 'warning',
    msg: closing,
    pid: '<0.982.0>',
    domain: 'rabbitmq.connection',
  }
  expect(read(line)).toEqual({
    time: '2026-11-22T17:04:23.938790Z',
    fields: {
      message: closing,
      log: { level: 'warning' },
      rabbitmq: { pid: '<0.982.0>' },
      app: { domain: 'rabbitmq.connection' },
    },
  })
})

test('renamed fields say the same as unrenamed ones', () => {
  const usual = read({
    time: '2026-11-22T17:04:20.342145+00:00',
    level: 'error',
    msg: crash,
    line: 950,
    pid: '<0.809.0>',
    file: 'proc_lib.erl',
    domain: 'otp.sasl',
    mfa: ['proc_lib', 'crash_report', 4],
  })
  const renamed = read({
    when: '2026-11-22T17:04:20.342145+00:00',
    sev: 'erro',
    what: crash,
    at: 950,
    process: '<0.809.0>',
    source: 'proc_lib.erl',
    area: 'otp.sasl',
    call: ['proc_lib', 'crash_report', 4],
  })
  expect(renamed).toEqual(usual)
  expect(usual?.fields['app']).toEqual({
    line: 950,
    file: 'proc_lib.erl',
    domain: 'otp.sasl',
    mfa: ['proc_lib', 'crash_report', 4],
  })
})

test.each([
  ['2026-11-22 17:04:23.938790+01:00', '2026-11-22T16:04:23.938790Z'],
  ['2026-11-22T17:04:23.938790-05:30', '2026-11-22T22:34:23.938790Z'],
  ['2026-11-22 17:04:23.938', '2026-11-22T15:04:23.938Z'],
  [1_795_367_063_938_790, '2026-11-22T17:04:23.938790Z'],
  ['1795367063938790', '2026-11-22T17:04:23.938790Z'],
  [1_795_367_063, '2026-11-22T17:04:23.000Z'],
])('a renamed time of any configured format is the time: %s', (at, time) => {
  expect(read({ at, severity_text: 'INFO', text: 'started TCP listener' }, () => 120)?.time).toBe(time)
})

test('what was dropped is missing, and nothing else takes its place', () => {
  const read1 = read({ text: closing, verbosity: 4 })
  expect(read1).toEqual({ fields: { message: closing, app: { verbosity: 4 } } })
  expect(read({ text: closing, gl: '<0.69.0>' })?.fields['rabbitmq']).toBeUndefined()
  expect(read({ lvl: 'info', ts: '2026-11-22 17:04:23.938790+00:00' })?.fields).toEqual({ log: { level: 'info' } })
})

test('a numeric verbosity under the name of the level is no level, and is kept', () => {
  const line = { ts: 1_795_367_063_938_790, level: 4, word: 'warning', msg: 'x y', file: 'rabbit.erl' }
  expect(read(line)?.fields).toEqual({
    message: 'x y',
    log: { level: 'warning' },
    app: { level: 4, file: 'rabbit.erl' },
  })
})

test('a message of one word is found where it is the only text of a log line', () => {
  expect(read({ t: '2026-11-22 17:04:23.938790+00:00', l: 'info', m: 'Ready' })?.fields['message']).toBe('Ready')
  expect(read({ id: 'a1b2', bytes: 1_234_567_890 })).toEqual({ fields: { app: { id: 'a1b2', bytes: 1_234_567_890 } } })
})

test("another program's fields keep their names", () => {
  const line = { timestamp: '2026-11-22T17:04:23Z', level: 'info', message: 'paid', pid: 4711, started: 1_795_367_063 }
  expect(read(line)?.fields).toEqual({
    message: 'paid',
    log: { level: 'info' },
    app: { pid: 4711, started: 1_795_367_063 },
  })
})
