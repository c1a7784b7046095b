import type { ThumpEvent } from '../../event/event.ts'
import type { EventSearch } from '../../storage/storage.ts'
import type { AlertRecord } from '../transition.ts'
import { relatedQuery } from './related-query.ts'
import type { Telemetry } from './telemetry.ts'

/** What stands beside an alert in its message, from what is stored: help, never a condition of telling. */
export interface Related {
  /** The newest events of the same connection, queue or user around the alert, oldest first; at most five. */
  of(alert: AlertRecord): Promise<readonly ThumpEvent[]>
}

export interface RelatedDeps {
  readonly search: EventSearch | undefined
  readonly telemetry: Telemetry
  readonly monotonicMs: () => number
}

const shown = 5
const beforeMs = 15 * 60_000
const afterMs = 60_000
/** A message does not wait longer for its context than this. */
const patienceMs = 150
/** After a search that failed or was slow the next messages go without. */
const restMs = 10_000
const rememberedMs = 5000
const remembered = 50

/** Several channels that tell one alert ask once. */
export function createRelated({ search, telemetry, monotonicMs }: RelatedDeps): Related {
  const known = new Map<string, { readonly atMs: number; readonly events: Promise<readonly ThumpEvent[]> }>()
  let restsUntilMs = 0

  async function ask(alert: AlertRecord): Promise<readonly ThumpEvent[]> {
    const query = relatedQuery(alert)
    if (!search || !query) return []
    const range = { sinceMs: alert.firstSeenMs - beforeMs, untilMs: alert.lastSeenMs + afterMs }
    try {
      const page = search.search({ ...range, query, sort: 'desc', limit: shown }, AbortSignal.timeout(patienceMs))
      const { events } = await withinPatience(page)
      return events.toReversed()
    } catch (error) {
      restsUntilMs = monotonicMs() + restMs
      telemetry.contextMissing(error)
      return []
    }
  }

  return {
    of(alert) {
      const nowMs = monotonicMs()
      if (nowMs < restsUntilMs) return Promise.resolve([])
      const id = `${alert.id} ${alert.state} ${alert.lastSeenMs}`
      const before = known.get(id)
      if (before && nowMs - before.atMs < rememberedMs) return before.events
      const events = ask(alert)
      known.set(id, { atMs: nowMs, events })
      for (const [oldest] of known) {
        if (known.size <= remembered) break
        known.delete(oldest)
      }
      return events
    },
  }
}

/** A store need not heed its signal at once; we do. */
async function withinPatience<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
