import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

const asked = ['', 'user.name: app-3', 'event.dataset: rabbitmq.log', 'event.id: id-700'].map(query)

test('a bit flipped anywhere in a stored day: what fields and times find is right, or the day is named', () => {
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
  const verifier = startVerifier(options, log, { firstMs: 0, everyMs: 20 })
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
