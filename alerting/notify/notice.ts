import type { ThumpEvent } from '../../event/event.ts'
import type { AlertRecord } from '../transition.ts'

export const noticeKinds = [
  'firing',
  'resolved',
  'repeat',
  'escalation',
  'fallback',
  'acked',
  'digest',
  'group',
  'test',
] as const
export type NoticeKind = (typeof noticeKinds)[number]

/** How much a digest holds: `total` is exact, `shown` are in the message. */
export interface Digest {
  readonly total: number
  readonly shown: number
  /** Alerts of each rule, most first. */
  readonly rules: ReadonlyArray<{ readonly rule: string; readonly count: number }>
  /** Why they come together, as a sentence's end: `more than the channel takes`. */
  readonly reason: string
}

/** How a group stands that a medium shows in one message. */
export interface Group {
  readonly firing: number
  readonly resolved: number
  /** Some of them, what fires first. */
  readonly alerts: readonly AlertRecord[]
}

/** What is known around an alert beside itself. */
export interface Context {
  /** Of the same connection, queue or user, newest last. */
  readonly related: readonly ThumpEvent[]
  /** The alert's newest event with what evidence added to it afterwards. */
  readonly deed?: ThumpEvent
  /** Alerts of this rule and key within 24 hours, this one included. */
  readonly episodes: number
}

/** One message to be told through one channel. */
export interface Notice {
  /** The same in every attempt: the idempotency key where a medium has one. */
  readonly id: string
  readonly kind: NoticeKind
  /** At least one; of a digest those that are shown. */
  readonly alerts: readonly [AlertRecord, ...AlertRecord[]]
  readonly digest?: Digest
  /** Of a digest that is part of a group. */
  readonly group?: Group
  readonly context?: Context
  /** Why this one comes, where its kind does not say it: `not acknowledged for 15m`. */
  readonly note?: string
}
