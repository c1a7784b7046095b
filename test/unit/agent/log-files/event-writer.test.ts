import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LogInput } from '../../../../agent/sources/log-files/contract.ts'
import { createRedactor } from '../../../../agent/redact/redactor.ts'
import { recognise } from '../../../../agent/parse/catalogue/recognise.ts'
import { entries } from '../../../../agent/parse/catalogue/entries.ts'
import { createLineLook } from '../../../../agent/sources/log-files/line-look.ts'
import { createRecognitionWatch } from '../../../../agent/sources/log-files/recognition-watch.ts'
import { EventWriter } from '../../../../agent/sources/log-files/event-writer.ts'
import { RecordPacker } from '../../../../agent/pack/record-packer.ts'
import { Framer, initialFamily } from '../../../../agent/parse/formats/framing.ts'
import type { ThumpEvent } from '../../../../event/event.ts'
import { type PackedRecords, unpack } from '../../../../transport/packed-records.ts'

const input: LogInput = {
  paths: ['/var/log/*.log'],
  format: 'auto',
  startAt: 'beginning',
  timezone: 'UTC',
  encoding: 'auto',
  maxLineBytes: 1 << 20,
  topic: 'APP',
  tags: ['t'],
  labels: { team: '큐' },
}
const identity = {
  agentId: 'agent',
  agentVersion: '0',
  hostName: 'host',
  keyNode: () => 'n',
  node: () => 'n',
  cluster: () => 'c',
  learn: () => {},
}
const limits = { maxLines: 500, maxBytes: 1 << 20, maxLineBytes: 1 << 20 }

/** Kept: fresh memory for each text would cost more than the test. */
const packer = new RecordPacker()

const redactor = createRedactor({
  builtin: ['secrets', 'cards', 'rrn', 'phones', 'emails'],
  rules: [{ name: 'words', words: ['falcon'], replace: '***' }],
})
/** The product's own look at a line, and nothing of it: then every line is made as an object, recognised and masked. */
const services = { recognise, redactor, look: createLineLook(createRecognitionWatch(entries), redactor) }

/** What a text becomes: by the template, or by an object where every line is said to need one. */
function eventsOf(text: string, way: 'bytes' | 'object', firstOffset = 0) {
  const writer = new EventWriter({
    input,
    packer,
    derived: new RecordPacker(),
    identity,
    ...services,
    ...(way === 'object' && { look: undefined }),
    now: () => 1_700_000_000_000,
    onInvalidBytes: () => {},
  })
  const bytes = Buffer.from(text, 'latin1')
  const framer = new Framer(initialFamily('rabbitmq'), limits, (framed) => {
    writer.write(framed, { generationId: 'g', livePath: '/var/log/a.log', offset: firstOffset + framed.start })
  })
  framer.frame(bytes, 0, bytes.length, true, true)
  const { packs, release } = packer.take()
  const events = packs
    .flatMap((pack: PackedRecords) => unpack(pack))
    .map(({ value, ...record }) => ({
      ...record,
      event: JSON.parse(Buffer.from(value).toString()) as ThumpEvent,
    }))
  release()
  return events
}

const digits = (count: number) => fc.stringMatching(new RegExp(`^\\d{${count}}$`))
const time = fc
  .tuple(
    fc.constantFrom('2026-11-22 16:45', '2026-11-22T16:46', '2026-02-28 23:59'),
    fc.integer({ min: 0, max: 59 }),
    fc.oneof(digits(6), digits(3), digits(1), digits(9), fc.constant('')),
    fc.constantFrom('+00:00', 'Z', '', '-04:00', '+09:00', '+0530'),
  )
  .map(
    ([minute, second, fraction, zone]) =>
      `${minute}:${String(second).padStart(2, '0')}${fraction && `.${fraction}`}${zone}`,
  )
const stamp = fc.oneof(
  { weight: 6, arbitrary: time },
  { weight: 1, arbitrary: digits(16) },
  { weight: 1, arbitrary: digits(10) },
)
const text = fc.oneof(
  fc.constantFrom(
    'accepting AMQP connection',
    'a "quoted" \\ text',
    'tab\there',
    '\u0001',
    '',
    '  ',
    'caf\u00c3\u00a9',
    '\u00ff\u00fe bad',
    ...entries.map(({ sample }) => sample.replaceAll('\n', ' ')),
  ),
  fc
    .tuple(
      fc.constantFrom('x', 'closing connection', "user 'app', vhost: '/'", '(10.0.0.1:5672 -> 10.0.0.2:41060)', ''),
      fc.constantFrom('password=Hunter2!x', 'key AKIAIOSFODNN7EXAMPLE', '010-1234-5678', 'a falcon', 'me@example.com'),
      fc.constantFrom('', ' and more', '.', '"'),
    )
    .map((parts) => parts.join(' ')),
  fc.string({ maxLength: 60 }).map((one) => one.replaceAll(/[\n\r\0]/g, ' ')),
)
const line = fc
  .tuple(
    stamp,
    fc.constantFrom('info', 'erro', 'warning', 'inf', 'strange', 'debug'),
    fc.constantFrom('<0.1.0> ', '<0.12345.6> ', ''),
    text,
  )
  .map(([at, level, pid, message]) => `${at} [${level}] ${pid}${message}\n`)
const report = fc
  .tuple(fc.constantFrom('22-Nov-2026::16:45:37', '1-Jan-2019::00:00:00.123456', 'no time'), text)
  .map(([at, said]) => `=ERROR REPORT==== ${at} ===\n${said}\n`)
const log = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: line },
    { weight: 2, arbitrary: report },
    { weight: 1, arbitrary: text.map((one) => `  ${one}\n`) },
  ),
  { minLength: 1, maxLength: 12 },
)

test('an event written by the template is the event made as an object, whatever the line and whatever came before it', () => {
  fc.assert(
    fc.property(log, fc.constantFrom(0, 9_990, 99_999_999, 2 ** 31 - 50, 2 ** 40), (lines, offset) => {
      const whole = lines.join('')
      expect(eventsOf(whole, 'bytes', offset)).toEqual(eventsOf(whole, 'object', offset))
    }),
    { numRuns: 300 },
  )
})

test('a record as large as memory pieces is whole, and its neighbours stand in packs of their own', () => {
  const prefix = (second: number) => `2026-11-22 16:45:${second}.000001+00:00 [info] <0.1.0> `
  const big = 'x'.repeat(700_000)
  const messages = eventsOf(`${prefix(10)}a\n${prefix(11)}${big}\n${prefix(12)}${big}\n${prefix(13)}b\n`, 'bytes')
  expect(messages.map(({ event }) => event.message.length)).toEqual([1, 700_000, 700_000, 1])
  expect(messages.map(({ event, headers }) => event.event.id === headers['id'])).toEqual([true, true, true, true])
})

test('an event that would be larger than Kafka takes is cut and flagged', () => {
  const quotes = `2026-11-22 16:45:10.000001+00:00 [info] <0.1.0> ${'"'.repeat(900_000)}\n`
  const [one] = eventsOf(quotes, 'bytes')
  expect(JSON.stringify(one?.event).length).toBeLessThan(1_000_000)
  expect(one?.event.log?.flags).toContain('truncated')
})

test('memory is used again only once its packs are given back', () => {
  const packer = new RecordPacker()
  const write = (text: string) => {
    packer.begin('APP', 'k', 900_000)
    packer.out.ascii(text)
    packer.add(packer.out.at, 1)
    return packer.take()
  }
  const textOf = ({ packs }: ReturnType<typeof write>) =>
    packs.flatMap(unpack).map(({ value }) => Buffer.from(value).toString())
  const first = write('first')
  const others = ['second', 'third'].map(write)
  expect([first, ...others].flatMap(textOf)).toEqual(['first', 'second', 'third'])
  const bytes = first.packs[0]?.bytes
  first.release()
  const later = write('later')
  expect(later.packs[0]?.bytes).toBe(bytes)
  expect(others.flatMap(textOf)).toEqual(['second', 'third'])
})
