import { expect, test } from 'vitest'
import { bulkBody } from '../../../../storage/elasticsearch/bulk-body.ts'
import type { StoreItem } from '../../../../storage/storage.ts'

const item = (id: string, value: string): StoreItem => ({ topic: 'APP', id, value: Buffer.from(value), atMs: 0 })
const indexOf = ({ id }: StoreItem) => (id.startsWith('a') ? 'thump-app-2026.11.22' : 'thump-app-undated')
const linesOf = (body: Buffer) => body.toString().split('\n')

test('each event stands as it came behind the line that says where it goes', () => {
  const body = bulkBody([item('a1', '{"x": 1}'), item('b2', '{"y":"ß"}')], indexOf)
  expect(linesOf(body)).toEqual([
    '{"create":{"_index":"thump-app-2026.11.22","_id":"a1"}}',
    '{"x": 1}',
    '{"create":{"_index":"thump-app-undated","_id":"b2"}}',
    '{"y":"ß"}',
    '',
  ])
})

test.each(['"quoted"', 'back\\slash', '\u0000\u0001\u0002', '\u2028 회원탈퇴', '\ud800', '👍'.repeat(300)])(
  'an id of any letters (%j) has room and is read back',
  (id) => {
    const [head = ''] = linesOf(bulkBody([item(id, '{}')], indexOf))
    expect(JSON.parse(head).create._id).toBe(id)
  },
)

test('an event of several lines is one line', () => {
  expect(linesOf(bulkBody([item('a', '{\n"x":\n1}')], indexOf))[1]).toBe('{"x":1}')
})

test('memory that is large enough is written into again', () => {
  const spare = Buffer.alloc(1000)
  expect(bulkBody([item('a', '{}')], indexOf, spare).buffer).toBe(spare.buffer)
  expect(bulkBody([item('a', `"${'x'.repeat(1000)}"`)], indexOf, spare).buffer).not.toBe(spare.buffer)
})
