import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { matchesQuery } from '../../../storage/query/matches.ts'
import type { QueryNode } from '../../../storage/query/query.ts'
import { DaysReader } from '../../../storage/sqlite/read-days.ts'
import { DaysWriter } from '../../../storage/sqlite/write-days.ts'
import { itemOf } from './conformance.ts'

const day = Date.parse('2026-11-22T00:00:00Z')
const texts = [
  'ab bc',
  'abc',
  'Order.created.v2',
  '카드론 문의',
  '切断',
  'a',
  'b-c',
  'login refused',
  'x*y [z]?',
  '┌─\ue02e😀\ud800b',
]
const paths = [
  'user.name',
  'rabbitmq.queue',
  'tags',
  'http.response.status_code',
  'labels.team',
  'rabbitmq.routing_keys',
]

function dice(start: number) {
  let seed = start
  const below = (n: number) => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n)
  return { below, pick: <T>(list: readonly T[]) => list[below(list.length)] as T }
}

function randomEvent({ below, pick }: ReturnType<typeof dice>): Partial<ThumpEvent> {
  const extra: Record<string, unknown> = { message: `${pick(texts)} ${pick(texts)}` }
  if (below(2) === 0) extra['user'] = { name: below(8) === 0 ? [pick(texts), pick(texts)] : pick(texts) }
  if (below(2) === 0) extra['rabbitmq'] = { queue: pick(texts), routing_keys: [pick(texts), pick(texts)] }
  if (below(3) === 0) extra['tags'] = [pick(texts), pick(texts)].slice(below(2))
  if (below(3) === 0) extra['http'] = { response: { status_code: pick([200, 404, 500]) } }
  if (below(4) === 0) extra['labels.team'] = pick(texts)
  if (below(9) === 0) extra['user.name'] = pick(texts)
  return extra
}

function randomQuery(die: ReturnType<typeof dice>, depth: number): QueryNode {
  const { below, pick } = die
  const path = pick(paths)
  const inner = () => randomQuery(die, depth - 1)
  if (depth > 0 && below(2) === 0) {
    const kind = pick(['and', 'or', 'not'] as const)
    return kind === 'not' ? { kind, node: inner() } : { kind, nodes: [inner(), inner()] }
  }
  switch (below(5)) {
    case 0:
      return { kind: 'exists', path }
    case 1:
      return {
        kind: 'text',
        text: pick([
          ...texts,
          'bc',
          'created',
          '론 문',
          'r.c',
          'refused x',
          'c x',
          ' ',
          '.',
          '─\ue02e',
          '.😀',
          '😀\ud800',
          '[z]?',
        ]),
        isPhrase: false,
      }
    case 2:
      return { kind: 'range', path: pick(paths), op: pick(['gt', 'gte', 'lt', 'lte'] as const), value: '404' }
    case 3:
      return { kind: 'field', path, value: pick(['*c', 'order*', '카*', '*\\**', 'x*[z]?', '4*']), isPattern: true }
    default:
      return { kind: 'field', path, value: pick([...texts, '404', 'ORDER.CREATED.V2']), isPattern: false }
  }
}

test('what is stored is found by the same queries that it would match live', () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-sqlite-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const die = dice(20261124)
  const items = Array.from({ length: 300 }, (_, index) => itemOf(`id-${index}`, day + index, randomEvent(die)))
  const options = { dir, retentionMs: 1e13, maxBytes: 1e12 }
  const writer = new DaysWriter(options)
  const heads = items.map(({ topic, id, atMs, value }) => ({ topic, id, atMs, bytes: value.length }))
  writer.write({ op: 'write', values: new Uint8Array(Buffer.concat(items.map(({ value }) => value))), items: heads })
  const reader = new DaysReader(options)
  let found = 0
  for (let round = 0; round < 300; round++) {
    const query = randomQuery(die, 2)
    const page = reader.search({ op: 'search', query, range: {}, sort: 'asc', limit: 1000 })
    const ids = page.events.map((json) => (JSON.parse(json) as ThumpEvent).event.id)
    const expected = items.filter(({ event }) => matchesQuery(query, event)).map(({ id }) => id)
    expect({ query, unreadable: page.unreadable, ids }).toEqual({ query, unreadable: [], ids: expected })
    expect(reader.count({ op: 'count', query, range: {} }).count).toBe(expected.length)
    found += expected.length
  }
  expect(found).toBeGreaterThan(5000)
  reader.close()
  writer.close()
})
