import type { ThumpEvent } from '../event/event.ts'
import type { TopicName } from '../event/topics.ts'
import type { QueryNode } from './query/query.ts'

/** Where events rest and are searched. Two kinds, `elasticsearch` and `sqlite`, one conformance suite. */

/** What is to be stored. */
export interface StoreItem {
  readonly topic: TopicName
  readonly id: string
  /** One JSON object as it travelled, known to be one. */
  readonly value: Buffer
  /** `@timestamp`, ms since the epoch: names the day the event belongs to (UTC). */
  readonly atMs: number
}

/** Per item; `reason` is bounded and also the metric label. */
export type Outcome =
  | { readonly kind: 'stored'; readonly isDuplicate: boolean }
  | { readonly kind: 'retry'; readonly reason: string }
  | { readonly kind: 'reject'; readonly reason: string; readonly error: string }

export interface EventStore {
  /** One outcome per item, in order. Throws UnavailableError when the outcome of the whole is unknown: writing it again is harmless. */
  write(items: readonly StoreItem[], signal: AbortSignal): Promise<readonly Outcome[]>
  /** Templates, aliases, files: idempotent. */
  setup(signal: AbortSignal): Promise<void>
  /** From now on, as long as it is open, what is beyond the retention goes: asked for by who writes for good. Absent where writing does it. */
  lookAfter?(): void
  isConnected(): boolean
  /** Why it is not connected, in one short line without secrets; undefined while it is. */
  problem(): string | undefined
}

export interface TimeRange {
  /** Inclusive, ms since the epoch. */
  readonly sinceMs?: number
  /** Exclusive. */
  readonly untilMs?: number
}

export interface SearchRequest extends TimeRange {
  readonly query: QueryNode
  readonly sort: 'asc' | 'desc'
  readonly limit: number
  /** Opaque, from the page before. */
  readonly after?: string
}

export interface SearchPage {
  readonly events: readonly ThumpEvent[]
  /** Absent on the last page. */
  readonly next?: string
  /** Days whose events are missing here because their file cannot be read, each with the reason. */
  readonly unreadable?: readonly string[]
}

export interface RelatedRequest extends Pick<SearchRequest, 'sort' | 'limit' | 'after'> {
  /** `event.id` of the one in the middle. */
  readonly id: string
}

export type RelatedPage =
  /** With what was asked, for who counts or goes on. */
  | (SearchPage & { readonly kind: 'found'; readonly query: QueryNode; readonly range: Required<TimeRange> })
  | ({ readonly kind: 'not-stored' } & Pick<SearchPage, 'unreadable'>)
  /** The event names no connection, queue or user. */
  | { readonly kind: 'nothing-shared' }

export interface EventSearch {
  /** Ordered by time, then `event.sequence`, and always the same; pages go on exactly where the one before ended. */
  search(request: SearchRequest, signal: AbortSignal): Promise<SearchPage>
  /** What happened within an hour of an event: on its connection, else at its queue, else by its user; itself included. */
  related(request: RelatedRequest, signal: AbortSignal): Promise<RelatedPage>
  /** Exact, also past 10,000. */
  count(query: QueryNode, range: TimeRange, signal: AbortSignal): Promise<number>
  top(
    field: string,
    query: QueryNode,
    range: TimeRange,
    limit: number,
    signal: AbortSignal,
  ): Promise<ReadonlyArray<{ value: string; count: number }>>
  histogram(
    query: QueryNode,
    range: Required<TimeRange>,
    bucketMs: number,
    signal: AbortSignal,
  ): Promise<ReadonlyArray<{ atMs: number; count: number }>>
}

export interface Storage {
  readonly kind: 'elasticsearch' | 'sqlite'
  readonly store: EventStore
  readonly search: EventSearch
}
