import { expect, test } from 'vitest'
import { levelOf, reportLevel } from '../../../../agent/parse/formats/level.ts'
import { emptyPrefix, readPrefix } from '../../../../agent/parse/formats/prefix.ts'
import { createStamper } from '../../../../agent/parse/formats/stamp.ts'
import { createZone } from '../../../../agent/parse/formats/zone.ts'

/** `time | level | pid | text`, or `none`. */
function parts(line: string): string {
  const bytes = Buffer.from(line)
  const prefix = emptyPrefix()
  if (!readPrefix(bytes, 0, bytes.length, prefix)) return 'none'
  const { start, timeEnd, levelStart, levelEnd, pidStart, pidEnd, textStart } = prefix
  const of = (from: number, to: number) => bytes.toString('utf8', from, to)
  return [of(start, timeEnd), of(levelStart, levelEnd), of(pidStart, pidEnd), of(textStart, bytes.length)].join(' | ')
}

test.each([
  [
    '3.10, recorded',
    '2026-11-24 15:19:18.238052+00:00 [info] <0.223.0> ra: starting system quorum_queues',
    '2026-11-24 15:19:18.238052+00:00 | info | <0.223.0> | ra: starting system quorum_queues',
  ],
  [
    '4.0, recorded',
    '2026-11-24 15:19:23.144081+00:00 [warning] <0.616.0> By default, this feature can still be used for now.',
    '2026-11-24 15:19:23.144081+00:00 | warning | <0.616.0> | By default, this feature can still be used for now.',
  ],
  [
    'an empty text',
    '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0> ',
    '2026-11-24 15:19:18.527408+00:00 | info | <0.223.0> | ',
  ],
  [
    'levels of four letters',
    '2021-10-04 11:22:33.123456-04:00 [erro] <0.1.0> x',
    '2021-10-04 11:22:33.123456-04:00 | erro | <0.1.0> | x',
  ],
  [
    '3.7, no zone',
    '2018-11-22 10:44:33.654 [info] <0.620.0> accepting AMQP connection',
    '2018-11-22 10:44:33.654 | info | <0.620.0> | accepting AMQP connection',
  ],
  [
    'microseconds since 1970',
    '1728025620684139 [info] <0.872.0> started TCP listener on [::]:5672',
    '1728025620684139 | info | <0.872.0> | started TCP listener on [::]:5672',
  ],
  ['seconds since 1970', '1728025620 [info] <0.872.0> started', '1728025620 | info | <0.872.0> | started'],
  ['RFC 3339 with T and Z', '2026-11-24T15:19:18.5Z [debug] <0.1.0> x', '2026-11-24T15:19:18.5Z | debug | <0.1.0> | x'],
  ['no process', '2026-11-24 15:19:18.5Z [debug] x', '2026-11-24 15:19:18.5Z | debug |  | x'],
  ['a date alone', '2026-11-24 15:19:18 is when it was', 'none'],
  ['a bracket without a level', '2026-11-24 15:19:18.527408+00:00 [123] x', 'none'],
  ['a process that does not end', '2026-11-24 15:19:18.527408+00:00 [info] <0.223.0', 'none'],
  ['an access line', '127.0.0.1 - guest [22/Nov/2026:17:14:07 +0000] "GET / HTTP/1.1" 200 1', 'none'],
  ['a short line', '2026', 'none'],
])('prefix, %s', (_, line, expected) => {
  expect(parts(line)).toBe(expected)
})

test.each([
  ['debug', 'debug debu dbg DEBUG'],
  ['info', 'info inf INFO'],
  ['notice', 'notice noti ntc not'],
  ['warning', 'warning warn wrn WRN war'],
  ['error', 'error erro err ERRO'],
  ['critical', 'critical crit crt cri'],
  ['alert', 'alert aler alr ale'],
  ['emergency', 'emergency emer emg eme'],
])('level %s in all its spellings', (level, spellings) => {
  expect(spellings.split(' ').map(levelOf)).toEqual(spellings.split(' ').map(() => level))
})

test('words that are no level are none; reports of crashes and supervisors are errors', () => {
  expect([levelOf('information'), levelOf('')]).toEqual([undefined, undefined])
  expect(['INFO', 'ERROR', 'WARNING', 'CRASH', 'SUPERVISOR', 'PROGRESS'].map(reportLevel)).toEqual([
    'info',
    'error',
    'warning',
    'error',
    'error',
    'info',
  ])
})

/** The stamp of a line's time, read in `zone`. */
function stamped(time: string, zone = 'UTC'): string {
  const bytes = Buffer.from(`${time} [info] <0.1.0> x`)
  const prefix = emptyPrefix()
  if (!readPrefix(bytes, 0, bytes.length, prefix)) return 'none'
  const stamp = { iso: '', ms: 0 }
  if (!createStamper(createZone(zone))(bytes, prefix, stamp)) return 'invalid'
  expect(Math.floor(Date.parse(stamp.iso))).toBe(stamp.ms)
  return stamp.iso
}

test.each([
  ['2026-11-24 15:19:18.238052+00:00', 'UTC', '2026-11-24T15:19:18.238052Z'],
  ['2021-10-04 23:22:33.123456-04:00', 'UTC', '2021-10-05T03:22:33.123456Z'],
  ['2026-11-24 15:19:18.238052+05:45', 'UTC', '2026-11-24T09:34:18.238052Z'],
  ['2026-11-24 15:19:18.238052+0900', 'UTC', '2026-11-24T06:19:18.238052Z'],
  ['2018-11-22 10:44:33.654', 'UTC', '2018-11-22T10:44:33.654Z'],
  ['2018-11-22 10:44:33.654', 'Asia/Seoul', '2018-11-22T01:44:33.654Z'],
  ['2026-07-01 12:00:00.000', 'Europe/Berlin', '2026-07-01T10:00:00.000Z'],
  ['2026-12-01 12:00:00.000', 'Europe/Berlin', '2026-12-01T11:00:00.000Z'],
  ['2026-11-24T15:19:18Z', 'UTC', '2026-11-24T15:19:18.000Z'],
  ['2026-11-24T15:19:18.5Z', 'UTC', '2026-11-24T15:19:18.500Z'],
  ['1728025620684139', 'Asia/Seoul', '2024-10-04T07:07:00.684139Z'],
  ['1728025620', 'UTC', '2024-10-04T07:07:00.000Z'],
  ['1728025620.684', 'UTC', '2024-10-04T07:07:00.684Z'],
  ['2026-13-24 15:19:18.238052+00:00', 'UTC', 'invalid'],
])('%s in %s is %s', (time, zone, expected) => {
  expect(stamped(time, zone)).toBe(expected)
})

test('times of many minutes and zones in turn do not mix', () => {
  const stamper = createStamper(createZone('UTC'))
  const of = (time: string) => {
    const bytes = Buffer.from(`${time} [info] <0.1.0> x`)
    const prefix = emptyPrefix()
    readPrefix(bytes, 0, bytes.length, prefix)
    const stamp = { iso: '', ms: 0 }
    stamper(bytes, prefix, stamp)
    return stamp.iso
  }
  expect(of('2026-11-24 15:19:18.1+00:00')).toBe('2026-11-24T15:19:18.100Z')
  expect(of('2026-11-24 15:19:18.1+01:00')).toBe('2026-11-24T14:19:18.100Z')
  expect(of('2026-11-24 15:20:18.1+01:00')).toBe('2026-11-24T14:20:18.100Z')
  expect(of('2026-11-24 15:20:18.1')).toBe('2026-11-24T15:20:18.100Z')
})
