import { once } from 'node:events'
import type { ThumpEvent } from '../event/event.ts'
import { systemClock } from '../runtime/clock.ts'
import { sleep } from '../runtime/retry.ts'
import type { Shutdown } from '../runtime/shutdown.ts'
import { matchesQuery } from '../storage/query/matches.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, TimeRange } from '../storage/storage.ts'
import type { Context } from './context.ts'
import { createEventPrinter } from './event-printer.ts'
import { asksForBackground, attributed, createNews } from './event-view.ts'
import { onInterrupt } from './interrupt.ts'
import { type Live, startLive } from './live.ts'
import { newest } from './newest.ts'
import { createTally } from './tally.ts'

export interface FollowLiveRequest {
  readonly context: Context
  readonly search: EventSearch
  readonly range: TimeRange
  /** For the stored ones: without what is hidden. */
  readonly query: QueryNode
  /** As it was written. */
  readonly asked: QueryNode
  readonly shutdown: Shutdown
  readonly output: 'text' | 'json'
  readonly utc: boolean
  readonly all: boolean
  readonly limit: number
}

/** What the log had and the storage not yet, when the first search asked: usually a moment, rarely longer. */
const laterLooksMs = [2000, 8000, 20_000]

/** What is stored, then what arrives until Ctrl-C, each event once. */
export async function followLive(request: FollowLiveRequest): Promise<void> {
  const { context, search, range, query, asked, shutdown, output, utc, all, limit } = request
  const startedMs = systemClock()
  const print = createEventPrinter({ output, utc, nowMs: startedMs }, context)
  const tally = createTally()
  const showsAll = all || asksForBackground(asked)
  const isNews = createNews()
  const onEvent = (event: ThumpEvent) => {
    if (!matchesQuery(asked, event) || !(showsAll || isNews(event))) return
    tally.add(event)
    print(event)
  }
  const live = await startLive(context, shutdown, onEvent)
  const { events } = await newest(search, query, range, limit)
  for (const event of all ? events : await attributed(search, events)) live.show(event, print)
  if (context.isTty && output === 'text') context.err.write('following what arrives; Ctrl-C ends\n')
  live.release()
  const stopping = onInterrupt(() => {})
  context.out.once('error', () => stopping.end())
  const looking = lookAgain(live, search, query, startedMs, stopping.signal)
  await once(stopping.signal, 'abort')
  await looking
  stopping.forget()
  context.err.write(`\n${tally.sentence((systemClock() - startedMs) / 1000)}\n`)
}

async function lookAgain(live: Live, search: EventSearch, query: QueryNode, sinceMs: number, signal: AbortSignal) {
  const range = { sinceMs: sinceMs - 60_000, untilMs: sinceMs + 60_000 }
  try {
    for (const waitMs of laterLooksMs) {
      await sleep(waitMs, signal)
      const { events } = await newest(search, query, range, 1000)
      for (const event of events) live.offer(event)
    }
  } catch {
    // Only a help: what arrives is shown in any case.
  }
}
