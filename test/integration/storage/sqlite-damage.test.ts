import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../../../runtime/log.ts'
import type { QueryNode } from '../../../storage/query/query.ts'
import { DaysReader } from '../../../storage/sqlite/read-days.ts'
import { startVerifier } from '../../../storage/sqlite/verifier.ts'
import { problemOf } from '../../../storage/sqlite/verify-day.ts'
import { DaysWriter } from '../../../storage/sqlite/write-days.ts'
import { eventually } from '../../servers/eventually.ts'
import { query } from './conformance.ts'
import { itemAt } from './sqlite-story.ts'

const flips = Number(process.env['THUMP_FLIPS'] ?? 40)
const seed = Number(process.env['THUMP_SEED'] ?? 7)
const day = '2026-11-21'

function dayFile() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-damage-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const options = { dir, retentionMs: 1e13, maxBytes: 1e12 }
  const writer = new DaysWriter(options)
  const items = Array.from({ length: 1500 }, (_, number) => itemAt(400 + number))
  const heads = items.map(({ topic, id, atMs, value }) => ({ topic, id, atMs, bytes: value.length }))
  writer.write({ op: 'write', values: new Uint8Array(Buffer.concat(items.map(({ value }) => value))), items: heads })
  writer.close()
  return { options, path: join(dir, `${day}.db`) }
}

const asked = [
  '',
  'user.name: app-3',
  'event.dataset: rabbitmq.log',
  'event.id: id-700',
  'created',
  '주문-1',
  'order.created.v7',
  'queue order.created.v70',
].map(query)

test('a bit flipped anywhere in a stored day: what fields, times and texts find is right, or the day is named', () => {
  const { options, path } = dayFile()
  const ask = (node: QueryNode) => {
    const reader = new DaysReader(options)
    const page = reader.search({ op: 'search', query: node, range: {}, sort: 'asc', limit: 5000 })
    reader.close()
    return page
  }
  const whole = readFileSync(path)
  const right = asked.map((node) => ask(node).events.join())
  expect(problemOf(options.dir, day)).toBeUndefined()
  let state = seed
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  let named = 0
  for (let flip = 0; flip < flips; flip++) {
    const bytes = Buffer.from(whole)
    const at = Math.floor(random() * bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    writeFileSync(path, bytes)
    const pages = asked.map(ask)
    const isNamed = pages.some(({ unreadable }) => unreadable.length > 0) || problemOf(options.dir, day) !== undefined
    const isRight = pages.every(({ events }, index) => events.join() === right[index])
    expect(isNamed || isRight, `seed ${seed}, bit of byte ${at}`).toBe(true)
    if (isNamed) named++
  }
  expect(named).toBeGreaterThan(0)
})

test('damage that nobody has asked for yet is found by looking, and told once', async () => {
  const { options, path } = dayFile()
  const told: Array<Record<string, unknown>> = []
  const destination = { write: (line: string) => void told.push(JSON.parse(line) as Record<string, unknown>) }
  const log = createLogger({ level: 'info', format: 'json', colour: false, destination })
  const bytes = readFileSync(path)
  // A name in the dictionary: no structure is harmed, and who asks for it finds nothing.
  bytes.write('app-9', bytes.lastIndexOf('app-3'))
  writeFileSync(path, bytes)
  const mend = () => Promise.reject(new Error('of no use here'))
  const verifier = startVerifier(options, { log, mend }, { firstMs: 0, everyMs: 20 })
  onTestFinished(verifier.stop)
  await eventually(() => told.length > 0, { what: 'the damage to be told' })
  await verifier.stop()
  expect(told).toEqual([
    expect.objectContaining({
      day,
      msg: "a day's file is damaged: answers may lack some of its events",
      reason: expect.any(String),
    }),
  ])
})

test('a full-text index that is damaged is named, and made anew from the events', async () => {
  const { options, path } = dayFile()
  const idsOf = (text: string) => {
    const reader = new DaysReader(options)
    const { events } = reader.search({ op: 'search', query: query(text), range: {}, sort: 'asc', limit: 5000 })
    reader.close()
    return events.map((json) => (JSON.parse(json) as { event: { id: string } }).event.id)
  }
  const right = idsOf('created.v7')
  expect(right.length).toBe(100)
  damageWords(path, () => idsOf('created.v7').length < right.length)
  expect(problemOf(options.dir, day)).toMatchObject({ isOfWords: true })
  const told: Array<Record<string, unknown>> = []
  const destination = { write: (line: string) => void told.push(JSON.parse(line) as Record<string, unknown>) }
  const log = createLogger({ level: 'info', format: 'json', colour: false, destination })
  const writer = new DaysWriter(options)
  onTestFinished(() => writer.close())
  const mend = async (mended: string) => writer.mend(mended)
  const verifier = startVerifier(options, { log, mend }, { firstMs: 0, everyMs: 20 })
  onTestFinished(verifier.stop)
  await eventually(() => told.length > 1, { what: 'the index to be made anew' })
  await verifier.stop()
  expect(told).toMatchObject([
    {
      day,
      msg: "a day's file is damaged: answers may lack some of its events",
      reason: expect.stringContaining('full-text index'),
    },
    { day, msg: "a day's full-text index is made anew from its events: all are found again", events: 1500 },
  ])
  expect(problemOf(options.dir, day)).toBeUndefined()
  expect(idsOf('created.v7')).toEqual(right)
})

/** Flips one bit after another of the index's largest block, each alone, until it is one that hides something. */
function damageWords(path: string, isHiding: () => boolean): void {
  const database = new DatabaseSync(path, { readOnly: true })
  const row = database.prepare('SELECT block FROM words_data ORDER BY length(block) DESC LIMIT 1').get()
  database.close()
  const whole = readFileSync(path)
  const from = whole.indexOf(Buffer.from(row?.['block'] as Uint8Array).subarray(0, 500))
  for (let at = from, isFound = false; !isFound; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    isFound = isHiding()
  }
}
