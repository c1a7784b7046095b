import { existsSync } from 'node:fs'
import type { TimeRange } from '../storage.ts'
import { type Day, daysWithin, dayPath, listDays } from './day-files.ts'
import { type Cursor, DayReader } from './day-reader.ts'
import type { Answers, Request, UnreadableDay, WorkerOptions } from './messages.ts'

const maxOpenDays = 40

/** The reading side of all days, in the worker. A day that cannot be read is named, and the rest answers. */
export class DaysReader {
  readonly #dir: string
  readonly #open = new Map<Day, DayReader>()

  constructor({ dir }: WorkerOptions) {
    this.#dir = dir
  }

  search({ query, range, sort, limit, after }: Request & { op: 'search' }): Answers['search'] {
    const cursor = after === undefined ? undefined : decodeCursor(after)
    const found: Array<{ cursor: Cursor; json: string }> = []
    const within = this.#days(narrowed(range, sort, cursor))
    const unreadable = this.#each(sort === 'asc' ? within : within.toReversed(), (reader) => {
      found.push(...reader.page(query, range, { sort, limit: limit + 1 - found.length, after: cursor }))
      return found.length <= limit
    })
    const shown = found.slice(0, limit)
    const last = shown.at(-1)
    const next = found.length > limit && last ? { next: encodeCursor(last.cursor) } : {}
    return { events: shown.map(({ json }) => json), unreadable, ...next }
  }

  count({ query, range }: Request & { op: 'count' }): Answers['count'] {
    let count = 0
    const unreadable = this.#each(this.#days(range), (reader) => {
      count += reader.count(query, range)
      return true
    })
    return { count, unreadable }
  }

  top({ field, query, range, limit }: Request & { op: 'top' }): Answers['top'] {
    const counts = new Map<string, number>()
    const unreadable = this.#each(this.#days(range), (reader) => {
      for (const [value, count] of reader.values(field, query, range))
        counts.set(value, (counts.get(value) ?? 0) + count)
      return true
    })
    const top = [...counts].map(([value, count]) => ({ value, count }))
    return {
      top: top.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, limit),
      unreadable,
    }
  }

  histogram({ query, range, bucketMs }: Request & { op: 'histogram' }): Answers['histogram'] {
    const counts = new Map<number, number>()
    const unreadable = this.#each(this.#days(range), (reader) => {
      for (const { atMs, count } of reader.histogram(query, range, bucketMs))
        counts.set(atMs, (counts.get(atMs) ?? 0) + count)
      return true
    })
    const buckets = [...counts].map(([atMs, count]) => ({ atMs, count })).toSorted((a, b) => a.atMs - b.atMs)
    return { buckets, unreadable }
  }

  close(): void {
    for (const reader of this.#open.values()) reader.close()
    this.#open.clear()
  }

  #days({ sinceMs, untilMs }: TimeRange): Day[] {
    const days = listDays(this.#dir)
    // Retention may have removed what is still open here.
    for (const [day, reader] of this.#open) {
      if (days.includes(day)) continue
      reader.close()
      this.#open.delete(day)
    }
    return daysWithin(days, sinceMs, untilMs)
  }

  /** Visits day after day until told otherwise; returns those that could not be read. */
  #each(days: readonly Day[], visit: (reader: DayReader) => boolean): UnreadableDay[] {
    const unreadable: UnreadableDay[] = []
    for (const day of days) {
      try {
        if (!visit(this.#reader(day))) break
      } catch (error) {
        this.#open.get(day)?.close()
        this.#open.delete(day)
        // It was removed meanwhile, or its writer has not made its tables yet.
        const isGone = !existsSync(dayPath(this.#dir, day)) || /no such table/.test(String(error))
        if (!isGone) unreadable.push({ day, reason: error instanceof Error ? error.message : String(error) })
      }
    }
    return unreadable
  }

  #reader(day: Day): DayReader {
    let reader = this.#open.get(day)
    this.#open.delete(day)
    if (!reader?.isCurrent()) {
      reader?.close()
      reader = new DayReader(this.#dir, day)
    }
    this.#open.set(day, reader)
    const [oldest] = this.#open
    if (this.#open.size > maxOpenDays && oldest) {
      oldest[1].close()
      this.#open.delete(oldest[0])
    }
    return reader
  }
}

/** Days that lie before the cursor need not be opened again. */
function narrowed(range: TimeRange, sort: 'asc' | 'desc', cursor: Cursor | undefined): TimeRange {
  if (!cursor) return range
  const [atMs] = cursor
  return sort === 'asc'
    ? { ...range, sinceMs: Math.max(range.sinceMs ?? atMs, atMs) }
    : { ...range, untilMs: Math.min(range.untilMs ?? atMs + 1, atMs + 1) }
}

function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function decodeCursor(text: string): Cursor {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Cursor
}
