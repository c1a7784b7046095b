import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createCorrelator } from '../../../agent/correlate/correlator.ts'
import { parseAccessLine } from '../../../agent/parse/access/access.ts'
import { recognise } from '../../../agent/parse/catalogue/recognise.ts'
import { parseAmqpTable } from '../../../agent/parse/erlang/amqp-table.ts'
import { parseTerm } from '../../../agent/parse/erlang/term.ts'
import { decodeEvent, type ExchangeMessage } from '../../../agent/sources/events/decode-event.ts'
import { jsonLine } from '../../../agent/sources/log-files/json-line.ts'
import type { ThumpEvent } from '../../../event/event.ts'

const recorded = (name: string) => {
  const read = (version: string) =>
    readFileSync(join(import.meta.dirname, `../../fixtures/recordings/${version}.${name}`), 'utf8')
  return [read('3.10'), read('4.0')].flatMap((text) => text.trimEnd().split('\n'))
}
const logLines = recorded('rabbit.log')
const accessLines = recorded('access.log')
const messages = recorded('events.ndjson')
const terms = messages
  .flatMap((line) => Object.values((JSON.parse(line) as ExchangeMessage).headers))
  .flat()
  .filter((value) => typeof value === 'string' && /^[{[<]/.test(value)) as string[]

/** Real text, cut, spliced with other real text, repeated, and with bytes that nobody expects. */
function mutated(lines: readonly string[]) {
  return fc
    .tuple(
      fc.constantFrom(...lines),
      fc.constantFrom(...lines),
      fc.nat(400),
      fc.nat(400),
      fc.nat(300),
      fc.string({ unit: 'binary', maxLength: 20 }),
    )
    .map(([one, other, cut, from, times, noise]) => {
      const head = one.slice(0, cut % (one.length + 1))
      const middle = other.slice(from % (other.length + 1)).slice(0, 64)
      return head + middle.repeat(times) + noise + one.slice(head.length)
    })
}

const identity = { agentId: 'a', agentVersion: '0', hostName: 'h', cluster: () => 'c' }
const own = { users: new Set(['mon']), queuePrefix: 'mon.' }
/** A soak asks for many more. */
const runs = Number(process.env['THUMP_FUZZ_RUNS'] ?? 150)
/** Far more than it takes: what passes it hangs. Ms. */
const patienceMs = 60_000 + runs * 50
/** A line of a mebibyte is the most that is read; what is made of it stays below what Kafka takes. */
const maxEventCharacters = 2_000_000

const parsers: ReadonlyArray<readonly [string, readonly string[], (text: string) => unknown]> = [
  ['the catalogue', logLines, recognise],
  ['access lines', accessLines, parseAccessLine],
  ['JSON lines', messages, (text) => jsonLine(text, () => 0)],
  ['Erlang terms', terms, parseTerm],
  ['AMQP tables', terms, (text) => parseAmqpTable([text, text])],
]

test.each(parsers)(
  '%s: mutated real input never throws, hangs or grows',
  (_, lines, parse) => {
    fc.assert(
      fc.property(mutated(lines), (text) => {
        const found = JSON.stringify(parse(text)) ?? ''
        // Escapes and field names make it longer, never many times.
        expect(found.length).toBeLessThan(8 * text.length + 4096)
      }),
      { numRuns: runs },
    )
  },
  patienceMs,
)

test(
  'events and lines of mutated headers pass decoding and joining',
  () => {
    const correlator = createCorrelator({ identity: { keyNode: () => 'n' } })
    correlator.completeFromMs = 0
    correlator.isSingleNode = true
    const strange = fc.oneof(
      fc.string(),
      fc.constantFrom(...terms),
      fc.integer(),
      fc.double(),
      fc.constant(null),
      fc.array(fc.integer()),
      fc.constant({}),
    )
    const message = fc
      .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(40), strange), { maxLength: 4 }))
      .map(([line, changes]) => {
        const { headers, ...rest } = JSON.parse(line) as ExchangeMessage
        const names = Object.keys(headers)
        return {
          ...rest,
          headers: {
            ...headers,
            ...Object.fromEntries(changes.map(([at, value]) => [names[at % names.length], value])),
          },
        }
      })
    fc.assert(
      fc.property(message, mutated(accessLines), (given, line) => {
        const decoded = decodeEvent(given as ExchangeMessage, identity, own, 0)
        if (decoded.kind === 'event') correlator.attribute(decoded.event)
        const access = parseAccessLine(line)
        const event = {
          '@timestamp': '2026-11-27T01:00:00.000Z',
          ...access,
          message: line,
          service: { type: 'rabbitmq' },
          agent: { id: 'a', version: '0' },
          event: { id: line, dataset: 'rabbitmq.access' },
        } as ThumpEvent
        const derived = correlator.derive(event)
        expect(JSON.stringify([decoded, derived]).length).toBeLessThan(maxEventCharacters)
      }),
      { numRuns: runs },
    )
  },
  patienceMs,
)
