import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { correlatedCodes, createCorrelator } from '../../../agent/correlate/correlator.ts'
import { parseAccessLine } from '../../../agent/parse/access/access.ts'
import { recognise } from '../../../agent/parse/catalogue/recognise.ts'
import { Framer, initialFamily } from '../../../agent/parse/formats/framing.ts'
import { decodeEvent as decodeMessage, type ExchangeMessage } from '../../../agent/sources/events/decode-event.ts'
import { EventWriter } from '../../../agent/sources/log-files/event-writer.ts'
import { RecordPacker } from '../../../agent/pack/record-packer.ts'
import { decodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { agentSchema } from '../../../runtime/config/schema-agent.ts'
import { unpack } from '../../../transport/packed-records.ts'
import type { OutRecord } from '../../../transport/transport.ts'
import { markerPrefix } from '../../recordings/afternoon.ts'
import { tableOf } from '../../recordings/table.ts'

const recorded = (version: string, name: string) =>
  readFileSync(join(import.meta.dirname, `../../fixtures/recordings/${version}.${name}`), 'utf8')
const [input] = agentSchema.parse({ logs: [{ paths: ['/var/log/*'] }] }).logs

/** An agent's parts without its broker: what was recorded goes through them, a step at a time. */
function replay(version: string, order: readonly ('events' | 'access' | 'log')[]): ThumpEvent[] {
  const messages = recorded(version, 'events.ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ExchangeMessage)
  const node = String(messages.find(({ headers }) => headers['node'])?.headers['node'])
  const identity = {
    agentId: 'a',
    agentVersion: '0',
    hostName: 'h',
    keyNode: () => node,
    node: () => node,
    cluster: () => 'afternoon',
    learn: () => {},
  }
  const correlator = createCorrelator({ identity })
  correlator.completeFromMs = 0
  correlator.isSingleNode = true
  const own = { users: new Set(['mon']), queuePrefix: 'mon.' }
  const fromEvents = (message: ExchangeMessage): ThumpEvent[] => {
    const decoded = decodeMessage(message, identity, own, 0)
    if (decoded.kind === 'drop') return []
    correlator.attribute(decoded.event)
    return [decoded.event]
  }
  const lines = (name: string) => linesOf(recorded(version, name), correlator, identity, `/var/log/${name}`)
  const streams = {
    events: stepsOf(
      messages,
      ({ routingKey, headers }) => routingKey === 'queue.deleted' && String(headers['name']).startsWith(markerPrefix),
    ).map((step) => () => step.flatMap(fromEvents)),
    access: lines('access.log'),
    log: lines('rabbit.log'),
  }
  return streams.events.flatMap((_, step) => order.flatMap((name) => streams[name][step]?.() ?? []))
}

/** Lists that end with what `isEnd` names. */
function stepsOf<T>(items: readonly T[], isEnd: (item: T) => boolean): T[][] {
  const steps: T[][] = [[]]
  for (const item of items) {
    steps.at(-1)?.push(item)
    if (isEnd(item)) steps.push([])
  }
  return steps
}

type Identity = Parameters<typeof createCorrelator>[0]['identity'] & { node(): string }

function linesOf(text: string, correlator: ReturnType<typeof createCorrelator>, identity: Identity, livePath: string) {
  const isEnd = (line: string) => line.includes(markerPrefix) && /DELETE|HTTP access denied/.test(line)
  const whole = {
    agentId: 'a',
    agentVersion: '0',
    hostName: 'h',
    cluster: () => 'afternoon',
    learn: () => {},
    ...identity,
  }
  let offset = 0
  return stepsOf(text.split('\n'), isEnd).map((lines) => () => {
    const records: OutRecord[] = []
    if (!input) return []
    const services = { recognise, parseAccessLine, deriver: correlator, derivingCodes: correlatedCodes }
    const [packer, derived] = [new RecordPacker(), new RecordPacker()]
    const deps = { input, packer, derived, identity: whole, now: () => 0, onInvalidBytes: () => {} }
    const writer = new EventWriter({ ...deps, ...services })
    const limits = { maxLines: 500, maxBytes: 1 << 20, maxLineBytes: 1 << 20 }
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    const framer = new Framer(initialFamily('auto'), limits, (framed) => {
      writer.write(framed, { generationId: livePath, livePath, offset: offset + framed.start })
      records.push(...[packer, derived].flatMap((one) => one.take().packs.flatMap(unpack)))
    })
    framer.frame(bytes, 0, bytes.length, true)
    offset += bytes.length
    return records.flatMap(({ value }) => {
      const decoded = decodeEvent(value)
      return decoded.kind === 'event' ? [decoded.event] : []
    })
  })
}

describe.each(['3.10', '4.0'])('the recording of an afternoon on RabbitMQ %s', (version) => {
  // The firehose is not on the tape.
  const expected = recorded(version, 'operations.txt').replaceAll(/^basic\.(?:publish|deliver) .*\n/gm, '')

  test.each([
    ['events, then lines', ['events', 'access', 'log']],
    ['lines, then events', ['log', 'access', 'events']],
  ] as const)('gives the same table of operations, whichever is read first: %s', (_, order) => {
    expect(tableOf(replay(version, order))).toBe(expected)
  })

  test('has no event whose action or time is unknown, and no line that is lost', () => {
    const events = replay(version, ['events', 'access', 'log'])
    expect(events.filter(({ event, message }) => event.action === '' || message === '')).toEqual([])
    const told = new Set(events.flatMap(({ message }) => message.split('\n')).map((line) => line.trim()))
    const prefix = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00 \[\w+\] <[\d.]+> ?/
    const written = recorded(version, 'rabbit.log')
      .split('\n')
      .map((line) => line.replace(prefix, '').trim())
    expect(written.filter((line) => line !== '' && !told.has(line))).toEqual([])
  })

  test('holds no secret of anybody’s', () => {
    const told = JSON.stringify(replay(version, ['events', 'access', 'log']))
    expect(told).not.toMatch(/guessed|amqps?:\/\/[^"]*:[^*"]*@/)
  })
})
