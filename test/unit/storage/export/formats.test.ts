import { parquetReadObjects } from 'hyparquet'
import { expect, test } from 'vitest'
import type { ThumpEvent } from '../../../../event/event.ts'
import { openCsv } from '../../../../storage/export/csv-format.ts'
import { openNdjson } from '../../../../storage/export/ndjson-format.ts'
import { openParquet } from '../../../../storage/export/parquet-format.ts'
import type { OpenFormat } from '../../../../storage/export/row-format.ts'

const eventOf = (message: string, extra: Partial<ThumpEvent> = {}): ThumpEvent => ({
  '@timestamp': '2026-11-24T10:00:00.123Z',
  event: { id: 'one', dataset: 'rabbitmq.event' },
  message,
  service: { type: 'rabbitmq' },
  agent: { id: 'a', version: '0' },
  ...extra,
})

async function bytesOf(open: OpenFormat, ...batches: ReadonlyArray<readonly ThumpEvent[]>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const format = open((bytes) => Promise.resolve(void chunks.push(bytes)))
  for (const batch of batches) await format.add(batch)
  await format.finish()
  return Buffer.concat(chunks)
}

test.each([
  ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"`],
  ['+1', "'+1"],
  ['-1+cmd', "'-1+cmd"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t=1"],
  ['＝1', "'＝1"],
  ['큐가 삭제되었습니다', '큐가 삭제되었습니다'],
  ['two\nlines', '"two\nlines"'],
])('a spreadsheet takes %j as text', async (message, cell) => {
  const text = (await bytesOf(openCsv, [eventOf(message)])).toString()
  expect(text).toContain(`,${cell},"{""@timestamp""`)
})

test('a name that begins like a formula is guarded in its own column as well', async () => {
  const text = (await bytesOf(openCsv, [eventOf('m', { rabbitmq: { queue: '=1+1' } })])).toString()
  expect(text.split('\r\n')[1]).toContain(",'=1+1,")
})

test('CSV begins with the mark that spreadsheets need for Korean, and with the names of the columns, once', async () => {
  const text = (await bytesOf(openCsv, [eventOf('a')], [eventOf('b')])).toString()
  expect(text.startsWith('\ufeff@timestamp,event.id,')).toBe(true)
  expect(text.split('\r\n').map((line) => line.slice(0, 5))).toEqual(['\ufeff@tim', '2026-', '2026-', ''])
})

test('NDJSON is each event as it was stored', async () => {
  const events = [eventOf('a', { labels: { team: 'shop' } }), eventOf('b\nc')]
  const text = (await bytesOf(openNdjson, events)).toString()
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(events)
})

test('Parquet has typed columns, and the whole event beside them', async () => {
  const event = eventOf('카드론', {
    amqp: { operation: 'queue.delete', body: { bytes: 12 } },
    rabbitmq: { queue: 'q', routing_keys: ['a', 'b'] },
    http: { response: { status_code: 404 } },
  })
  const file = await bytesOf(openParquet, [event], [eventOf('other')])
  const rows = await parquetReadObjects({ file: Uint8Array.from(file).buffer })
  expect(rows).toHaveLength(2)
  expect(rows[0]).toMatchObject({
    timestamp: new Date('2026-11-24T10:00:00.123Z'),
    amqp_operation: 'queue.delete',
    amqp_body_bytes: 12n,
    rabbitmq_routing_keys: 'a,b',
    http_response_status_code: 404n,
    user_name: null,
    message: '카드론',
    event: JSON.stringify(event),
  })
})

test('how events come in batches does not change a byte of Parquet', async () => {
  const events = Array.from({ length: 25_000 }, (_, index) => eventOf(`m ${index}`))
  const whole = await bytesOf(openParquet, events)
  expect(await bytesOf(openParquet, events.slice(0, 7), events.slice(7, 20_001), events.slice(20_001))).toEqual(whole)
})
