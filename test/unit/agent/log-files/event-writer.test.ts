import fc from 'fast-check'
import { expect, test } from 'vitest'
import { correlatedCodes, createCorrelator } from '../../../../agent/correlate/correlator.ts'
import type { KnownConnection } from '../../../../agent/correlate/connections.ts'
import type { Identity } from '../../../../agent/source.ts'
import type { LineServices, LogInput } from '../../../../agent/sources/log-files/contract.ts'
import { createRedactor } from '../../../../agent/redact/redactor.ts'
import { recognise } from '../../../../agent/parse/catalogue/recognise.ts'
import { entries } from '../../../../agent/parse/catalogue/entries.ts'
import { createLineLook } from '../../../../agent/sources/log-files/line-look.ts'
import { createRecognitionWatch } from '../../../../agent/sources/log-files/recognition-watch.ts'
import { EventWriter } from '../../../../agent/sources/log-files/event-writer.ts'
import { RecordPacker } from '../../../../agent/pack/record-packer.ts'
import { Framer, initialFamily } from '../../../../agent/parse/formats/framing.ts'
import type { ThumpEvent } from '../../../../event/event.ts'
import { unpack } from '../../../../transport/packed-records.ts'
import type { PackedRecords } from '../../../../transport/transport.ts'

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
/** A connection that an event has told of: whom a line speaks of is then known beyond its text. */
const told: readonly KnownConnection[] = [
  ['10.0.0.1:41060 -> 10.0.0.2:5672', '큐 client'],
  ['10.0.0.1:41061 -> 10.0.0.2:5672', 'app of 010-1234-5678'],
].map(([name = '', client]) => ({
  name,
  client,
  node: 'n',
  user: 'us"er',
  vhost: 'v',
  ip: '10.0.0.1',
  openedMs: 0,
  channels: 0,
}))

/** The product's own look at a line, and nothing of it: then every line is made as an object, recognised and masked. */
const services = { recognise, redactor, look: createLineLook(createRecognitionWatch(entries), redactor) }

/** What a text becomes: by the template, or by an object where every line is said to need one. */
function eventsOf(
  text: string,
  way: 'bytes' | 'object',
  firstOffset = 0,
  { who = identity as Identity, knows = recognise as LineServices['recognise'] } = {},
) {
  const correlator = createCorrelator({ identity: who })
  for (const connection of told) correlator.connections.open(connection)
  const writer = new EventWriter({
    input,
    packer,
    // Of few records, and of other keys: in the same packs they are seen as well.
    derived: packer,
    identity: who,
    deriver: correlator,
    derivingCodes: correlatedCodes,
    ...services,
    recognise: knows,
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
    fc.constantFrom('<0.1.0> ', '<0.12345.6> ', '<a"b\\c> ', ''),
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

/** What a catalogue's sample says with other names, numbers and addresses in it, on as many lines, with the prefix or in a report. */
const saying = fc
  .tuple(
    fc.constantFrom(...entries.map(({ sample }) => sample)),
    fc.constantFrom('', '<0.1.0> ', '<0.12345.6> '),
    fc.constantFrom('7', '0', '00', '5672', '4111111111111111', '12345678901234567890'),
    fc.constantFrom("'app'", "'a\"b'", "'caf\u00c3\u00a9'", "'falcon'", "'me@example.com'", "''", "'a b\\c'"),
    fc.constantFrom(...told.map(({ name }) => name), '[::1]:1 -> [::1]:2', ''),
    fc.boolean(),
  )
  .map(([sample, pid, number, name, address, isReport]) => {
    let said = sample.replace(/'[^'\n]*'/, () => name).replace(/(?<=[ =])\d+(?![.:\d])/, () => number)
    if (address !== '') said = said.replace(/\S+:\d+ -> \S+:\d+/, () => `(${address}`.replace(/^\(\(/, '('))
    if (isReport) return `=ERROR REPORT==== 22-Nov-2026::16:45:37 ===\n${said}\n`
    const prefix = `2026-11-22 16:45:${String(said.length % 60).padStart(2, '0')}.000123+00:00 [error] ${pid}`
    return said
      .split('\n')
      .map((one) => `${prefix}${one}\n`)
      .join('')
  })

test.each([
  ['that knows its node', identity],
  ['that has not learned it yet', { ...identity, node: () => undefined }],
])(
  'a recognised line written by the template is the event made as an object, and gives rise to the same, of an agent %s',
  (_, who) => {
    fc.assert(
      fc.property(fc.array(saying, { minLength: 1, maxLength: 8 }), (sayings) => {
        const whole = sayings.join('')
        expect(eventsOf(whole, 'bytes', 0, { who })).toEqual(eventsOf(whole, 'object', 0, { who }))
      }),
      { numRuns: 300 },
    )
  },
)

test.each(entries)('row $entry $code is recognised on its way through bytes: $sample', ({ sample, code }) => {
  const prefix = '2026-11-22 16:45:10.000001+00:00 [error] <0.5.0> '
  const whole = sample
    .split('\n')
    .map((one) => `${prefix}${one}\n`)
    .join('')
  const [event] = eventsOf(whole, 'bytes')
  expect(event?.event.event.code).toBe(code)
  expect(eventsOf(whole, 'bytes')).toEqual(eventsOf(whole, 'object'))
})

test('what is known of a line is its own, where the line before had the same code and another outcome', () => {
  const found = [
    { category: ['a'] },
    { category: ['a'], outcome: 'failure' as const },
    { category: ['a'] },
    { category: ['a', 'b'] },
    { category: ['a', 'c'] },
    {},
  ]
  const line = (second: number) => `2026-11-22 16:45:${second}.000001+00:00 [info] Deleting vhost 'lab'\n`
  const whole = found.map((_, index) => line(10 + index)).join('')
  let count = 0
  const knows = () => ({ code: 'same', fields: {}, ...found[count++] })
  // Places of as many digits: else each line has a head of its own.
  const made = eventsOf(whole, 'bytes', 100_000, { knows }).map(({ event }) => event.event)
  expect(made.map(({ category, outcome }) => ({ category, outcome }))).toEqual(found)
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
