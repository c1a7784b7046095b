import { expect, test } from 'vitest'
import { readDeadLetters, retriedNote, retryOf, whyNotRetry } from '../../../forwarder/dead-letters.ts'
import { deadLetter } from '../../../forwarder/read-record.ts'
import type { InRecord, OutRecord } from '../../../transport/transport.ts'

const json = '{"@timestamp":"2026-11-24T00:00:00.000Z","event":{"id":"one"}}'

function letter(offset: number, value = json, isWhole = true): OutRecord {
  const record = { offset, timestampMs: 0, key: 'k', value: Buffer.from(value), headers: { id: 'one' } }
  return deadLetter({ topic: 'APP', partition: 2, record }, 'document_parsing_exception', 'no', isWhole)
}

const inTopic = (records: readonly OutRecord[]): InRecord[] =>
  records.map((record, offset) => ({ ...record, offset, value: Buffer.from(record.value) }))

test('a record buried twice by a killed forwarder is one letter, called by where it came from', () => {
  const letters = readDeadLetters(inTopic([letter(5), letter(6), letter(5)]))
  expect(letters.map(({ address, id }) => [address, id])).toEqual([
    ['APP/2/5', 'one'],
    ['APP/2/6', 'one'],
  ])
})

test('what another hand put there is passed over', () => {
  const foreign = { topic: 'DEADLETTER', key: '', value: Buffer.from('x'), headers: {}, timestampMs: 0 } as const
  expect(
    readDeadLetters(inTopic([foreign, { ...foreign, headers: { topic: 'NO', partition: '1', offset: 'x' } }])),
  ).toEqual([])
})

test('it goes back as it was, and is not sent again after that', () => {
  const [found] = readDeadLetters(inTopic([letter(5)]))
  if (!found) throw new Error('there is one')
  expect(whyNotRetry(found)).toBeUndefined()
  expect(retryOf(found, 9)).toEqual({
    topic: 'APP',
    key: 'k',
    value: Buffer.from(json),
    headers: { schema: '1', id: 'one' },
    timestampMs: 9,
  })
  const [again] = readDeadLetters(inTopic([letter(5), retriedNote(found, 9)]))
  expect(again && whyNotRetry(again)).toBe('it was sent again before')
})

test.each([
  ['what no storage could keep', letter(5, '{"half'), /not JSON/],
  ['what was cut', letter(5, `"${'x'.repeat(100_000)}"`, false), /only 65536 of its 100002 bytes/],
])('%s is not sent again', (_, record, why) => {
  const [found] = readDeadLetters(inTopic([record]))
  expect(found && whyNotRetry(found)).toMatch(why)
})
