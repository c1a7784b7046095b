import { existsSync, readFileSync } from 'node:fs'
import type { Outcome } from '../storage.ts'
import { type Day, dayOf, dayPath, isExpired, listAside, listDays, removeAside, setAside } from './day-files.ts'
import type { Row } from './day-writer.ts'
import type { Answers, DamagedDay, Request, WorkerOptions } from './messages.ts'
import { OpenDays } from './open-days.ts'
import { makeRoom, type Room, roomOf } from './room.ts'
import { OtherFormatError } from './schema.ts'
import { lostTransactions } from './write-ahead-log.ts'

const damage = new Set([11, 26])
const full = 13

/** The writing side of all days, in the worker. */
export class DaysWriter {
  readonly #options: WorkerOptions
  readonly #open: OpenDays
  readonly #room: Room
  #isFirst = true

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#room = roomOf(options.maxBytes)
    this.#open = new OpenDays(options.dir, this.#room.logPages)
  }

  write({ values, items }: Request & { op: 'write' }): Answers['write'] {
    const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const byDay = new Map<Day, Placed[]>()
    let at = 0
    for (const [index, { topic, id, atMs, bytes }] of items.entries()) {
      const row = { topic, id, atMs, json: buffer.toString('utf8', at, (at += bytes)) }
      const day = dayOf(atMs)
      const placed = byDay.get(day)
      if (placed) placed.push({ index, row })
      else byDay.set(day, [{ index, row }])
    }
    const outcomes: Outcome[] = Array.from({ length: items.length })
    const changes: Changes = { damaged: [], removed: [] }
    for (const [day, rows] of byDay)
      for (const part of partsOf(rows, this.#room.chunkBytes)) {
        const results = this.#writeDay(
          day,
          part.map(({ row }) => row),
          changes,
        )
        for (const [position, { index }] of part.entries()) outcomes[index] = results[position] as Outcome
      }
    return { outcomes, ...changes }
  }

  #writeDay(day: Day, rows: readonly Row[], changes: Changes): Outcome[] {
    try {
      const made = makeRoom(this.#open, this.#room, day, changes.removed)
      if (made !== 'made') return rows.map(() => (made === 'busy' ? { kind: 'retry', reason: 'no-room' } : tooOld(day)))
      return this.#open
        .of(day)
        .write(rows)
        .map((isFresh) => ({ kind: 'stored', isDuplicate: !isFresh }))
    } catch (error) {
      this.#open.close(day)
      const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff
      const isUnusable = damage.has(code) || error instanceof OtherFormatError
      if (isUnusable) {
        const aside = setAside(this.#options.dir, day, Date.now())
        changes.damaged.push({ day, reason: (error as Error).message, aside })
      }
      const reason = isUnusable ? 'damaged' : code === full ? 'disk-full' : `sqlite-${code}`
      return rows.map(() => ({ kind: 'retry', reason }))
    }
  }

  retain(): Answers['retain'] {
    const { dir, retentionMs } = this.#options
    // Before anything opens them: then SQLite has passed over what is damaged.
    const lost = this.#isFirst ? lostIn(dir) : []
    this.#isFirst = false
    const nowMs = Date.now()
    for (const one of listAside(dir)) if (isExpired(one.day, nowMs, retentionMs)) removeAside(one)
    const removed = listDays(dir).filter((day) => isExpired(day, nowMs, retentionMs))
    for (const day of removed) this.#open.remove(day)
    const newest = listDays(dir).at(-1)
    if (newest !== undefined) makeRoom(this.#open, this.#room, newest, removed)
    return { removed, lost }
  }

  /** How many events the day's full-text index was made anew from. Throws where that cannot be done: nothing has changed then. */
  mend(day: Day): number {
    try {
      return this.#open.of(day).rebuildWords()
    } catch (error) {
      this.#open.close(day)
      throw error
    }
  }

  close(): void {
    this.#open.closeAll()
  }
}

function tooOld(day: Day): Outcome {
  return { kind: 'reject', reason: 'too-old', error: `the days after ${day} take all of storage.sqlite.maxBytes` }
}

interface Changes {
  readonly damaged: DamagedDay[]
  readonly removed: Day[]
}

interface Placed {
  readonly index: number
  readonly row: Row
}

/** In order, each of so many bytes at most, or of one row. */
function* partsOf(rows: readonly Placed[], bytes: number): Generator<readonly Placed[]> {
  let part: Placed[] = []
  let size = 0
  for (const placed of rows) {
    if (part.length > 0 && size + placed.row.json.length > bytes) {
      yield part
      part = []
      size = 0
    }
    part.push(placed)
    size += placed.row.json.length
  }
  if (part.length > 0) yield part
}

function lostIn(dir: string): Array<{ day: Day; transactions: number }> {
  return listDays(dir).flatMap((day) => {
    const path = `${dayPath(dir, day)}-wal`
    const transactions = existsSync(path) ? lostTransactions(readFileSync(path)) : 0
    return transactions > 0 ? [{ day, transactions }] : []
  })
}
