import type { ThumpEvent } from '../../event/event.ts'
import type { TopicName } from '../../event/topics.ts'
import type { KeyValue } from '../transition.ts'
import { keyOf, overflowId } from './group-keys.ts'

/** An event that satisfied a rule, on its way to one key's window. */
export interface Hit {
  readonly event: ThumpEvent
  readonly id: string
  readonly atMs: number
  readonly topic: TopicName
  /** It satisfied `resolveWhen`. */
  readonly isResolving: boolean
  /** The steps of a sequence that it satisfies, as bits. */
  readonly steps: number | undefined
  /** For a composite: the alert of a member that opened or closed. */
  readonly member: MemberChange | undefined
}

/** Of what happens at one instant: ends first, then beginnings. */
export interface MemberChange {
  readonly ruleId: string
  readonly alertId: string
  readonly kind: 'firing' | 'resolved'
  /** It has begun and ended at once. */
  readonly isInstant: boolean
  /** Nothing more is known of this instant: now it may be judged. */
  readonly isLast: boolean
}

export interface OpenAlert {
  readonly id: string
  readonly firedAtMs: number
  readonly firstSeenMs: number
  lastSeenMs: number
  count: number
  readonly samples: ThumpEvent[]
  readonly summary: string
  readonly description?: string
}

/** All that is kept for one rule and key: plain data. */
export interface StoredKey extends Omit<WrittenKey, 'alert'> {
  readonly alert?: OpenAlert
}

/** As it is written: an alert's samples stand in its record, which is written with it. */
export interface WrittenKey {
  readonly id: string
  readonly key: readonly KeyValue[]
  readonly window: unknown
  readonly alert?: Omit<OpenAlert, 'samples'> & { readonly samples?: OpenAlert['samples'] | undefined }
  /** Stands for all keys beyond the cap. */
  readonly isOverflow?: true
}

/** As it was written, beside the record of its alert. */
export function storedKey(
  written: WrittenKey,
  samplesOf: (alertId: string) => OpenAlert['samples'] | undefined,
): StoredKey {
  const { alert, ...rest } = written
  if (!alert) return rest
  return { ...rest, alert: { ...alert, samples: samplesOf(alert.id) ?? alert.samples ?? [] } }
}

/** One rule and key at work. There may be millions: every field counts. */
export class KeyState {
  readonly id: string
  /** The evaluator's own data. */
  window: unknown
  alert: OpenAlert | undefined
  /** When its turn comes next without an event; Infinity: never. */
  dueMs = Number.POSITIVE_INFINITY
  /** It has changed since it was written. */
  isDirty = false
  /** Its neighbours in the order of touching, among those without an open alert. */
  older: KeyState | undefined
  newer: KeyState | undefined

  constructor(id: string, window: unknown, alert?: OpenAlert) {
    this.id = id
    this.window = window
    this.alert = alert
  }

  get key(): readonly KeyValue[] {
    return keyOf(this.id)
  }

  get isOverflow(): boolean {
    return this.id === overflowId
  }

  written(): WrittenKey {
    const { id, key, window, alert, isOverflow } = this
    return {
      id,
      key,
      window,
      ...(alert && { alert: { ...alert, samples: undefined } }),
      ...(isOverflow && { isOverflow }),
    }
  }
}

/** What an evaluator may do for the key whose turn it is. */
export interface Turn {
  readonly state: KeyState
  /** Opens the alert; `cause` is the event that reached the bound, or the deadline. */
  fire(atMs: number, cause: string, hit: Hit | undefined, facts: FireFacts): void
  /** Another event of the open alert. */
  join(hit: Hit): void
  resolve(atMs: number, isSilent: boolean): void
  /** The rule's first event ever; the hit in hand where it is that one. */
  readonly firstEventMs: number
  /** How far the rule may decide. */
  readonly watermarkMs: number
  /** Something had to be left out. */
  skip(reason: SkipReason): void
}

export interface FireFacts {
  readonly count: number
  readonly firstSeenMs: number
  readonly extra?: Readonly<Record<string, unknown>>
}

export type SkipReason =
  | 'no-field'
  | 'missing-key'
  | 'out-of-order'
  | 'duplicate'
  | 'late'
  | 'samples-cap'
  | 'over-share'

/** One rule type's meaning. Pure: all it knows is its window, the hit and the watermark. */
export interface Evaluator {
  /** A window for a key first met at `atMs`; begun: judged from there on although no event named it. */
  fresh(atMs: number, isBegun?: true): unknown
  /** Answers why a hit changed nothing, else undefined. */
  take(turn: Turn, hit: Hit): SkipReason | undefined
  /** The steps of a sequence an event satisfies, as bits; 0 = it concerns the rule not at all. */
  readonly stepsOf?: (event: ThumpEvent, topic: TopicName) => number
  /** Decides what the passing of time settles, up to and including the watermark. */
  advance(turn: Turn, watermarkMs: number): void
  dueMs(state: KeyState): number
  /** Nothing in it matters any more at this watermark. */
  isSpent(state: KeyState, watermarkMs: number): boolean
}
