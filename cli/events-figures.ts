import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, TimeRange } from '../storage/storage.ts'
import { widthOf } from '../runtime/terminal-cells.ts'
import type { Context } from './context.ts'
import { printable } from './format-event.ts'
import { count } from './progress.ts'

interface Asked {
  readonly search: EventSearch
  readonly query: QueryNode
  readonly range: Required<TimeRange>
  readonly output: 'text' | 'json'
}

const patienceMs = 120_000
const widestBar = 40
const mostBuckets = 60
const minuteMs = 60_000
const widths = [1, 5, 10, 30, 60, 180, 720, 1440, 7 * 1440, 30 * 1440].map((minutes) => minutes * minuteMs)

/** The most frequent values of a field, with how often. */
export async function printTop(field: string, limit: number, asked: Asked, { out, err }: Context): Promise<void> {
  const { search, query, range, output } = asked
  const top = await search.top(field, query, range, limit, AbortSignal.timeout(patienceMs))
  if (output === 'json') {
    for (const one of top) out.write(`${JSON.stringify(one)}\n`)
    return
  }
  if (top.length === 0) err.write(`no event in this time has ${field}\n`)
  const rows = top.map(({ value, count: times }) => ({ label: printable(value), times }))
  printBars(rows, out)
}

/** How many events over time, in buckets that fit a screen. */
export async function printHistogram(asked: Asked, context: Context, timezone: string): Promise<void> {
  const { search, query, range, output } = asked
  const span = range.untilMs - range.sinceMs
  const bucketMs = widths.find((width) => span / width <= mostBuckets) ?? Math.ceil(span / mostBuckets)
  const found = await search.histogram(query, range, bucketMs, AbortSignal.timeout(patienceMs))
  if (output === 'json') {
    for (const one of found) context.out.write(`${JSON.stringify(one)}\n`)
    return
  }
  const counts = new Map(found.map(({ atMs, count: times }) => [atMs, times]))
  const style = { dateStyle: 'short', timeStyle: 'short', timeZone: timezone } as const
  const clock = new Intl.DateTimeFormat('sv-SE', style)
  const rows: Array<{ label: string; times: number }> = []
  for (let atMs = Math.floor(range.sinceMs / bucketMs) * bucketMs; atMs < range.untilMs; atMs += bucketMs)
    rows.push({ label: clock.format(atMs), times: counts.get(atMs) ?? 0 })
  printBars(rows, context.out)
}

function printBars(rows: ReadonlyArray<{ label: string; times: number }>, out: NodeJS.WritableStream): void {
  const most = Math.max(1, ...rows.map(({ times }) => times))
  const labelWidth = Math.max(0, ...rows.map(({ label }) => widthOf(label)))
  const numbers = rows.map(({ times }) => count(times))
  const numberWidth = Math.max(0, ...numbers.map((text) => text.length))
  for (const [index, { label, times }] of rows.entries()) {
    const bar = '█'.repeat(Math.ceil((times / most) * widestBar))
    const text = `${label}${' '.repeat(labelWidth - widthOf(label))}  ${(numbers[index] ?? '').padStart(numberWidth)}  ${bar}`
    out.write(`${text.trimEnd()}\n`)
  }
}
