import type { DatabaseSync } from 'node:sqlite'
import type { QueryNode } from '../query/query.ts'
import type { TimeRange } from '../storage.ts'
import { bigramQuery } from './bigrams.ts'

/** Rows from one on, until the next run's: all in one bucket, all outside of the range, or mixed. */
interface Run {
  readonly first: number
  readonly bucket: number | 'outside' | 'mixed'
}

/** Each run seeks every pair of the text anew; with more of that looking at the time of every match is as quick. */
const maxSeeks = 400

/** What to ask the full-text index where it alone can answer: texts, and their and and or. */
export function matchOf(node: QueryNode): string | undefined {
  if (node.kind === 'text') return bigramQuery(node.text)
  if (node.kind !== 'and' && node.kind !== 'or') return undefined
  const matches = node.nodes.map(matchOf)
  const isWhole = matches.length > 0 && matches.every((match) => match !== undefined)
  return isWhole ? `(${matches.join(node.kind === 'and' ? ' AND ' : ' OR ')})` : undefined
}

/**
 * Matches by bucket (its number since the epoch), exactly and hardly looking at rows: events lie nearly in the order of
 * time, and each pack knows its first and last moment, so that most of a bucket is one stretch of rows, which the index
 * counts by itself. Undefined where the rows lie too mixed for that. Within a read transaction of the caller's.
 */
export function countWords(
  database: DatabaseSync,
  match: string,
  range: Required<TimeRange>,
  bucketMs: number,
): ReadonlyMap<number, number> | undefined {
  const runs = runsOf(database, range, bucketMs)
  if (runs.length > 1 && runs.length * match.split(' ').length > maxSeeks) return undefined
  const counts = new Map<number, number>()
  const add = (bucket: number, count: number) => {
    if (count > 0) counts.set(bucket, (counts.get(bucket) ?? 0) + count)
  }
  const within = 'words MATCH ? AND rowid >= ? AND rowid < ?'
  const ofRun = database.prepare(`SELECT count(*) AS count FROM words WHERE ${within}`)
  const ofRows = database.prepare(
    `SELECT CAST((at_ms - ?) / ? AS INTEGER) AS further, count(*) AS count FROM events
     WHERE rowid IN (SELECT rowid FROM words WHERE ${within}) AND at_ms >= ? AND at_ms < ? GROUP BY further`,
  )
  const least = Math.floor(range.sinceMs / bucketMs)
  for (const [index, { first, bucket }] of runs.entries()) {
    // The index takes bounds that are whole numbers, and passes over others.
    const bounds = [match, BigInt(first), BigInt(runs[index + 1]?.first ?? Number.MAX_SAFE_INTEGER)] as const
    if (bucket === 'outside') continue
    if (bucket !== 'mixed') add(bucket, ofRun.get(...bounds)?.['count'] as number)
    else
      for (const row of ofRows.all(least * bucketMs, bucketMs, ...bounds, range.sinceMs, range.untilMs))
        add(least + (row['further'] as number), row['count'] as number)
  }
  return counts
}

function runsOf(database: DatabaseSync, { sinceMs, untilMs }: Required<TimeRange>, bucketMs: number): Run[] {
  const bucketOf = (fromMs: number, lastMs: number): Run['bucket'] => {
    if (lastMs < sinceMs || fromMs >= untilMs) return 'outside'
    const bucket = Math.floor(fromMs / bucketMs)
    return fromMs >= sinceMs && lastMs < untilMs && Math.floor(lastMs / bucketMs) === bucket ? bucket : 'mixed'
  }
  const runs: Run[] = []
  const spans = database.prepare('SELECT first, from_ms, until_ms FROM bodies INDEXED BY by_span ORDER BY first')
  for (const span of spans.iterate()) {
    const bucket = bucketOf(span['from_ms'] as number, span['until_ms'] as number)
    if (runs.at(-1)?.bucket !== bucket) runs.push({ first: span['first'] as number, bucket })
  }
  return runs
}
