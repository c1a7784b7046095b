import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEvent } from '../../../event/encode.ts'
import { scanEvent } from '../../../event/scan-event.ts'

const event = (extra: object = {}) => ({
  '@timestamp': '2026-11-22T10:20:30.456Z',
  event: { id: 'one', dataset: 'rabbitmq.log' },
  ...extra,
})
const scan = (value: unknown) => scanEvent(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
const head = { id: 'one', atMs: Date.parse('2026-11-22T10:20:30.456Z') }

describe('the head of an event, from its bytes', () => {
  test.each([
    ['a plain one', event()],
    [
      'whatever else it holds',
      event({ a: [1, -2.5e3, 'x', null, true, false, {}, [], [[]]], b: { event: { id: 2 } } }),
    ],
    ['escapes and every script', event({ message: 'a "quoted"\n\t\\ 한글 \u{1f407} \u0001' })],
    ['in another order', { message: 'm', event: { dataset: 'd', id: 'one' }, '@timestamp': event()['@timestamp'] }],
  ])('is read: %s', (_, value) => {
    expect(scan(value)).toEqual(head)
  })

  const text = JSON.stringify(event())
  test.each([
    ['cut short', text.slice(0, -1)],
    ['goes on behind its end', `${text}x`],
    ['a key twice', `${text.slice(0, -1)},"event":{"id":"two"}}`],
    ['a number that is none', `${text.slice(0, -1)},"n":01}`],
    ['a word that is none', `${text.slice(0, -1)},"n":NaN}`],
    ['a comment', `${text.slice(0, -1)}/* */}`],
    ['a comma too many', `${text.slice(0, -1)},}`],
    ['a line break in a text', text.replace('rabbitmq', 'rabbit\nmq')],
    ['an escape that is none', text.replace('rabbitmq', '\\x')],
    ['an escaped id', text.replace('"one"', '"\\u006fne"')],
    ['a day that there is not', text.replace('11-22', '13-41')],
    ['an hour that there is not', text.replace('T10', 'T24')],
    ['another form of time', text.replace('.456Z', '+09:00')],
    ['no id', text.replace('"id":"one",', '')],
    ['an empty id', text.replace('"one"', '""')],
    ['an id that is a number', text.replace('"one"', '1')],
    ['depths', text.replace('"one"', `"one","x":${'['.repeat(200)}${']'.repeat(200)}`)],
    ['a list', '[]'],
  ])('is left to the decoder: %s', (_, value) => {
    expect(scan(value)).toBeUndefined()
  })

  test('bytes that are no UTF-8 are left to the decoder', () => {
    expect(scanEvent(Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xff]), Buffer.from('"}')]))).toBe(
      undefined,
    )
  })

  test('never says anything that the decoder does not say, whatever happens to the bytes', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((extra) => JSON.stringify(event({ extra })))
    const change = fc.record({ at: fc.nat(), byte: fc.constantFrom(...Buffer.from('"\\{}[],:0123eE+-.tfn x\n')) })
    let recognised = 0
    fc.assert(
      fc.property(value, fc.array(change, { maxLength: 3 }), (json, changes) => {
        const bytes = Buffer.from(json)
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte
        const found = scanEvent(bytes)
        if (!found) return changes.length > 0
        recognised++
        const decoded = decodeEvent(bytes)
        const said = decoded.kind === 'event' && {
          id: decoded.event.event.id,
          atMs: Date.parse(decoded.event['@timestamp']),
        }
        expect(found).toEqual(said)
        return true
      }),
      { numRuns: 2000 },
    )
    expect(recognised).toBeGreaterThan(200)
  })
})
