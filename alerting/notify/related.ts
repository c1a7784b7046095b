import { attributionDataset, evidenceWindowMs, joinAttribution } from '../../event/attribution.ts'
import type { ThumpEvent } from '../../event/event.ts'
import type { QueryNode } from '../../storage/query/query.ts'
import type { EventSearch, TimeRange } from '../../storage/storage.ts'
import type { AlertRecord } from '../transition.ts'
import { relatedQuery } from './related-query.ts'
import type { Telemetry } from './telemetry.ts'

/** What is stored around an alert. */
export interface Surroundings {
  /** The newest events of the same connection, queue or user, oldest first; at most five. */
  readonly related: readonly ThumpEvent[]
  /** The alert's newest event with what evidence has added to it since. */
  readonly deed?: ThumpEvent
}

/** What stands beside an alert in its message: help, never a condition of telling. */
export interface Related {
  of(alert: AlertRecord): Promise<Surroundings>
}

export interface RelatedDeps {
  readonly search: Pick<EventSearch, 'search'> | undefined
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
const evidenceLimit = 50
const evidenceQuery: QueryNode = { kind: 'field', path: 'event.dataset', value: attributionDataset, isPattern: false }
const nothing: Surroundings = { related: [] }

/** Several channels that tell one alert ask once. */
export function createRelated({ search, telemetry, monotonicMs }: RelatedDeps): Related {
  const known = new Map<string, { readonly atMs: number; readonly found: Promise<Surroundings> }>()
  let restsUntilMs = 0

  async function ask(searched: Pick<EventSearch, 'search'>, alert: AlertRecord): Promise<Surroundings> {
    const signal = AbortSignal.timeout(patienceMs)
    const one = async (query: QueryNode | undefined, range: TimeRange, limit: number) =>
      query ? (await searched.search({ ...range, query, sort: 'desc', limit }, signal)).events : []
    const deed = alert.samples.at(-1)
    const around = { sinceMs: alert.firstSeenMs - beforeMs, untilMs: alert.lastSeenMs + afterMs }
    const atMs = deed ? Date.parse(deed['@timestamp']) : Number.NaN
    const near = { sinceMs: atMs - evidenceWindowMs, untilMs: atMs + afterMs }
    const wanted = deed?.amqp?.operation === undefined || Number.isNaN(atMs) ? undefined : evidenceQuery
    const [related, evidence] = await Promise.all([
      one(relatedQuery(alert), around, shown),
      one(wanted, near, evidenceLimit),
    ])
    const [joined] = deed && evidence.length > 0 ? joinAttribution([deed], evidence) : []
    return { related: related.toReversed(), ...(joined && joined !== deed && { deed: joined }) }
  }

  async function askInTime(alert: AlertRecord): Promise<Surroundings> {
    if (!search) return nothing
    try {
      return await withinPatience(ask(search, alert))
    } catch (error) {
      restsUntilMs = monotonicMs() + restMs
      telemetry.contextMissing(error)
      return nothing
    }
  }

  return {
    of(alert) {
      const nowMs = monotonicMs()
      if (nowMs < restsUntilMs) return Promise.resolve(nothing)
      const id = `${alert.id} ${alert.state} ${alert.lastSeenMs}`
      const before = known.get(id)
      if (before && nowMs - before.atMs < rememberedMs) return before.found
      const found = askInTime(alert)
      known.set(id, { atMs: nowMs, found })
      for (const [oldest] of known) {
        if (known.size <= remembered) break
        known.delete(oldest)
      }
      return found
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
