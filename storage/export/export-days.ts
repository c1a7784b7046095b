import type { QueryNode } from '../query/query.ts'
import type { EventSearch } from '../storage.ts'
import { DayFile, type ExportFormat, type Manifest } from './day-file.ts'
import type { RowFormat } from './row-format.ts'

export interface ExportRequest {
  /** UTC days, `2026-11-24`, in order. */
  readonly days: readonly string[]
  readonly query: QueryNode
  /** As the user wrote it: part of the manifest. */
  readonly queryText: string
  readonly format: ExportFormat
  readonly out: string
  /** Write also what is there already. */
  readonly isForced: boolean
}

export type DayResult =
  | { readonly kind: 'written' | 'unchanged'; readonly day: string; readonly path: string; readonly manifest: Manifest }
  | { readonly kind: 'empty'; readonly day: string }
  | { readonly kind: 'failed'; readonly day: string; readonly error: unknown }

export interface ExportDeps {
  readonly search: EventSearch
  readonly nowMs: number
  /** After every page. */
  readonly onProgress: (day: string, events: number, total: number) => void
}

const pageEvents = 2000
const dayMs = 86_400_000

/**
 * Day after day into files of their own. What is whole and holds as many events as the storage has is left as it is: a run
 * that was broken off goes on by being started again. A day that fails does not keep the rest from being written.
 */
export async function* exportDays(
  request: ExportRequest,
  deps: ExportDeps,
  signal: AbortSignal,
): AsyncGenerator<DayResult> {
  for (const day of request.days) {
    try {
      yield await exportDay(request, day, deps, signal)
    } catch (error) {
      signal.throwIfAborted()
      yield { kind: 'failed', day, error }
    }
  }
}

async function exportDay(
  request: ExportRequest,
  day: string,
  { search, nowMs, onProgress }: ExportDeps,
  signal: AbortSignal,
): Promise<DayResult> {
  const sinceMs = Date.parse(`${day}T00:00:00Z`)
  const range = { sinceMs, untilMs: sinceMs + dayMs }
  const head = { day, query: request.queryText, isWhole: range.untilMs <= nowMs }
  const file = new DayFile(request.out, day, request.format)
  const total = await search.count(request.query, range, signal)
  const found = file.manifest()
  const isSame = found?.query === head.query && found.isWhole && found.events === total
  if (isSame && !request.isForced) return { kind: 'unchanged', day, path: file.path, manifest: found }
  const page = async (limit: number, after: string | undefined) => {
    const ask = { ...range, query: request.query, sort: 'asc', limit } as const
    const answer = await search.search({ ...ask, ...(after !== undefined && { after }) }, signal)
    // Half a day must not look like a whole one, nor a lost one like an empty one.
    if (answer.unreadable) throw new Error(`stored, and cannot be read: ${answer.unreadable.join(', ')}`)
    return answer
  }
  if (total === 0) {
    await page(1, undefined)
    if (found) file.remove()
    return { kind: 'empty', day }
  }
  const fill = async (rows: RowFormat) => {
    let events = 0
    let after: string | undefined
    do {
      const found = await page(pageEvents, after)
      await rows.add(found.events)
      events += found.events.length
      after = found.next
      onProgress(day, events, Math.max(total, events))
    } while (after !== undefined)
    return events
  }
  return { kind: 'written', day, path: file.path, manifest: await file.write(head, fill) }
}
