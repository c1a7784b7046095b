import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { TopicName } from '../../event/topics.ts'
import type { EventSearch, SearchPage } from '../../storage/storage.ts'
import { timeOfBytes } from '../engine/event-time.ts'
import { parse, timeOf } from '../engine/read-event.ts'
import { topicOf, topicOfLine } from './topic-of.ts'

/** An event of the past, as bytes. `atMs` is undefined where it says no time of its own. */
export interface RecordedEvent {
  readonly atMs: number | undefined
  readonly topic: TopicName
  readonly value: Buffer
}

/** Batches in the order of time; one batch is held at a time. */
export type Recording = AsyncIterable<readonly RecordedEvent[]>

const pageSize = 5000
const patienceMs = 120_000
const maxLineBytes = 16 * 2 ** 20

/** What storage holds of a time, oldest first. The next page is fetched while one is looked at. */
export async function* fromStorage(
  search: EventSearch,
  range: { readonly sinceMs: number; readonly untilMs: number },
): Recording {
  const ask = (after: string | undefined) =>
    search.search(
      { ...range, query: { kind: 'all' }, sort: 'asc', limit: pageSize, ...(after !== undefined && { after }) },
      AbortSignal.timeout(patienceMs),
    )
  let asked: ReturnType<typeof ask> | undefined = ask(undefined)
  while (asked) {
    const { events, next }: SearchPage = await asked
    asked = next === undefined ? undefined : ask(next)
    // A failure of the page ahead is told when its turn comes.
    asked?.catch(() => {})
    yield events.map((event) => ({
      atMs: timeOf(event),
      topic: topicOf(event.event.dataset),
      value: Buffer.from(JSON.stringify(event)),
    }))
  }
}

/** Files of one JSON object a line, merged by time; each must be in the order of time itself. `.gz` is unpacked, `-` is standard input. */
export async function* fromFiles(paths: readonly string[], open: (path: string) => Readable = openFile): Recording {
  const lanes = await Promise.all(paths.map((path) => openLane(linesOf(open(path)))))
  const [only] = lanes
  if (lanes.length === 1 && only) {
    for (; only.batch.length > 0; await refill(only)) yield only.batch
    return
  }
  for (let live = lanes.filter(isLive); live.length > 0; live = live.filter(isLive)) {
    const batch: RecordedEvent[] = []
    while (batch.length < pageSize && live.every(isLive)) batch.push(earliest(live))
    yield batch
    for (const lane of live) if (!isLive(lane)) await refill(lane)
  }
}

interface Lane {
  readonly rest: AsyncIterator<RecordedEvent[]>
  batch: readonly RecordedEvent[]
  at: number
}

async function openLane(batches: AsyncGenerator<RecordedEvent[]>): Promise<Lane> {
  const lane: Lane = { rest: batches, batch: [], at: 0 }
  await refill(lane)
  return lane
}

async function refill(lane: Lane): Promise<void> {
  const { value, done } = await lane.rest.next()
  lane.batch = done === true ? [] : value
  lane.at = 0
}

function isLive({ batch, at }: Lane): boolean {
  return at < batch.length
}

function earliest(lanes: readonly Lane[]): RecordedEvent {
  let best = lanes[0] as Lane
  for (const lane of lanes) if (timeAt(lane) < timeAt(best)) best = lane
  return best.batch[best.at++] as RecordedEvent
}

function timeAt({ batch, at }: Lane): number {
  return batch[at]?.atMs ?? Number.NEGATIVE_INFINITY
}

function openFile(path: string): Readable {
  if (path === '-') return process.stdin
  const file = createReadStream(path, { highWaterMark: 2 ** 20 })
  if (!path.endsWith('.gz')) return file
  const unpacked = createGunzip()
  file.on('error', (error) => unpacked.destroy(error))
  return file.pipe(unpacked)
}

/** Whole lines, a chunk of the file at a time; a line longer than 16 MiB is an error, not memory without end. */
async function* linesOf(source: Readable): AsyncGenerator<RecordedEvent[]> {
  let rest = Buffer.alloc(0)
  for await (const chunk of source as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const batch: RecordedEvent[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      addLine(bytes.subarray(start, end), batch)
      start = end + 1
    }
    rest = Buffer.from(bytes.subarray(start))
    if (rest.length > maxLineBytes) throw new Error('a line is longer than 16 MiB: is the file one JSON object a line?')
    if (batch.length > 0) yield batch
  }
  const last: RecordedEvent[] = []
  addLine(rest, last)
  if (last.length > 0) yield last
}

function addLine(line: Buffer, batch: RecordedEvent[]): void {
  if (line.length === 0 || (line.length === 1 && line[0] === 13)) return
  batch.push({ atMs: timeOfBytes(line) ?? timeOf(parse(line)), topic: topicOfLine(line), value: line })
}
