import { existsSync, readFileSync } from 'node:fs'
import type { Outcome } from '../storage.ts'
import { type Day, dayOf, dayPath, expiredDays, listDays, removeDay, setAside, sizeOfDay } from './day-files.ts'
import { DayWriter, type Row } from './day-writer.ts'
import type { Answers, DamagedDay, Request, WorkerOptions } from './messages.ts'
import { OtherFormatError } from './schema.ts'
import { lostTransactions } from './write-ahead-log.ts'

/** Late events open old days; more than a few at a time are rare. */
const maxOpenDays = 6
const damage = new Set([11, 26])
const full = 13
/** Sizes are looked at after so much was written, and the newest day is trimmed by so many events at a time. */
const checkBytes = 2_097_152
const trimRows = 2000
const pageBytes = 4096

/** The writing side of all days, in the worker. */
export class DaysWriter {
  readonly #options: WorkerOptions
  readonly #open = new Map<Day, DayWriter>()
  #uncheckedBytes = 0
  #isFirst = true

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  write({ values, items }: Request & { op: 'write' }): Answers['write'] {
    const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const byDay = new Map<Day, Array<{ index: number; row: Row }>>()
    let at = 0
    for (const [index, { topic, id, atMs, bytes }] of items.entries()) {
      const row = { topic, id, atMs, json: buffer.toString('utf8', at, (at += bytes)) }
      const day = dayOf(atMs)
      byDay.set(day, [...(byDay.get(day) ?? []), { index, row }])
    }
    const outcomes: Outcome[] = Array.from({ length: items.length })
    const damaged: DamagedDay[] = []
    for (const [day, rows] of byDay) {
      const results = this.#writeDay(
        day,
        rows.map(({ row }) => row),
        damaged,
      )
      for (const [position, { index }] of rows.entries()) outcomes[index] = results[position] as Outcome
    }
    this.#uncheckedBytes += values.byteLength
    const isDue = this.#uncheckedBytes >= Math.min(checkBytes, this.#options.maxBytes / 16)
    const removed = isDue ? this.#retainQuietly() : []
    return { outcomes, damaged, removed }
  }

  #writeDay(day: Day, rows: readonly Row[], damaged: DamagedDay[]): Outcome[] {
    try {
      return this.#dayOf(day)
        .write(rows)
        .map((isFresh) => ({ kind: 'stored', isDuplicate: !isFresh }))
    } catch (error) {
      this.#close(day)
      const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff
      const isUnusable = damage.has(code) || error instanceof OtherFormatError
      if (isUnusable)
        damaged.push({ day, reason: (error as Error).message, aside: setAside(this.#options.dir, day, Date.now()) })
      const reason = isUnusable ? 'damaged' : code === full ? 'disk-full' : `sqlite-${code}`
      return rows.map(() => ({ kind: 'retry', reason }))
    }
  }

  #dayOf(day: Day): DayWriter {
    let writer = this.#open.get(day)
    if (writer) this.#open.delete(day)
    else writer = new DayWriter(this.#options.dir, day, logPages(this.#options.maxBytes))
    this.#open.set(day, writer)
    const oldest = this.#open.keys().next().value
    if (this.#open.size > maxOpenDays && oldest !== undefined) this.#close(oldest)
    return writer
  }

  #close(day: Day): void {
    this.#open.get(day)?.close()
    this.#open.delete(day)
  }

  retain(): Answers['retain'] {
    const { dir, retentionMs, maxBytes } = this.#options
    this.#uncheckedBytes = 0
    // Before anything opens them: then SQLite has passed over what is damaged.
    const lost = this.#isFirst ? lostIn(dir) : []
    this.#isFirst = false
    // What lies in a day's log and in its file as well must not count twice against the days.
    const total = listDays(dir).reduce((sum, day) => sum + sizeOfDay(dir, day), 0)
    if (total > maxBytes) for (const writer of this.#open.values()) writer.checkpoint()
    const removed = expiredDays(dir, { retentionMs, maxBytes, nowMs: Date.now() })
    for (const day of removed) {
      this.#close(day)
      removeDay(dir, day)
    }
    this.#trimLast()
    return { removed, lost }
  }

  /** What was stored stays stored: a failure here is told by the regular round. */
  #retainQuietly(): readonly string[] {
    try {
      return this.retain().removed
    } catch {
      return []
    }
  }

  /** A single day may outgrow the bound: its oldest events make room for new ones, a part at a time. */
  #trimLast(): void {
    const { dir, maxBytes } = this.#options
    const [day, ...more] = listDays(dir)
    if (day === undefined || more.length > 0 || sizeOfDay(dir, day) < maxBytes) return
    const writer = this.#dayOf(day)
    writer.checkpoint()
    for (let rounds = 0; rounds < 4 && writer.usedBytes() > maxBytes * 0.9; rounds++)
      if (writer.trim(trimRows) === 0) break
    writer.checkpoint()
  }

  /** How many events the day's full-text index was made anew from. Throws where that cannot be done: nothing has changed then. */
  mend(day: Day): number {
    try {
      return this.#dayOf(day).rebuildWords()
    } catch (error) {
      this.#close(day)
      throw error
    }
  }

  close(): void {
    for (const writer of this.#open.values()) writer.close()
    this.#open.clear()
  }
}

/** A day's log is small beside the bound of all days, and large enough to be moved seldom. */
function logPages(maxBytes: number): number {
  return Math.min(4000, Math.max(64, Math.floor(maxBytes / 16 / pageBytes)))
}

function lostIn(dir: string): Array<{ day: Day; transactions: number }> {
  return listDays(dir).flatMap((day) => {
    const path = `${dayPath(dir, day)}-wal`
    const transactions = existsSync(path) ? lostTransactions(readFileSync(path)) : 0
    return transactions > 0 ? [{ day, transactions }] : []
  })
}
