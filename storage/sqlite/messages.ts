import type { QueryNode } from '../query/query.ts'
import type { Outcome, TimeRange } from '../storage.ts'
import type { DayProblem } from './verify-day.ts'

/** What the storage asks of its workers; every request is answered once, under its number. */
export type Request =
  | {
      readonly op: 'write'
      /** Values of all items one after another: one buffer, moved and not copied. */
      readonly values: Uint8Array
      readonly items: ReadonlyArray<{
        readonly topic: string
        readonly id: string
        readonly atMs: number
        readonly bytes: number
      }>
    }
  | { readonly op: 'retain' }
  | {
      readonly op: 'search'
      readonly query: QueryNode
      readonly range: TimeRange
      readonly sort: 'asc' | 'desc'
      readonly limit: number
      readonly after?: string | undefined
    }
  | { readonly op: 'count'; readonly query: QueryNode; readonly range: TimeRange }
  | {
      readonly op: 'top'
      readonly field: string
      readonly query: QueryNode
      readonly range: TimeRange
      readonly limit: number
    }
  | {
      readonly op: 'histogram'
      readonly query: QueryNode
      readonly range: Required<TimeRange>
      readonly bucketMs: number
    }
  | { readonly op: 'verify'; readonly day: string }
  /** Makes a day's full-text index anew from its events. */
  | { readonly op: 'mend'; readonly day: string }
  | { readonly op: 'close' }

/** A day whose file cannot be read, and why. */
export interface UnreadableDay {
  readonly day: string
  readonly reason: string
}

/** A day that could not be written to: its file is kept beside. */
export interface DamagedDay extends UnreadableDay {
  readonly aside: string
}

export interface Answers {
  write: {
    readonly outcomes: readonly Outcome[]
    readonly damaged: readonly DamagedDay[]
    readonly removed: readonly string[]
  }
  retain: {
    readonly removed: readonly string[]
    /** Of the first call: transactions of a day that were acknowledged by the last process, and are damaged. */
    readonly lost: ReadonlyArray<{ readonly day: string; readonly transactions: number }>
  }
  search: { readonly events: readonly string[]; readonly next?: string; readonly unreadable: readonly UnreadableDay[] }
  count: { readonly count: number; readonly unreadable: readonly UnreadableDay[] }
  top: { readonly top: ReadonlyArray<{ value: string; count: number }>; readonly unreadable: readonly UnreadableDay[] }
  histogram: {
    readonly buckets: ReadonlyArray<{ atMs: number; count: number }>
    readonly unreadable: readonly UnreadableDay[]
  }
  verify: { readonly problem?: DayProblem }
  mend: { readonly events: number }
  close: Record<string, never>
}

export interface WorkerOptions {
  readonly dir: string
  readonly retentionMs: number
  readonly maxBytes: number
}

export type Reply =
  | { readonly number: number; readonly ok: true; readonly answer: Answers[keyof Answers] }
  | { readonly number: number; readonly ok: false; readonly message: string }
