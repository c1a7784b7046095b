import type { TopicName } from '../../event/topics.ts'
import type { AlertRecord } from '../transition.ts'
import type { ReadPosition, RuleMemory } from './changes.ts'
import type { StoredKey } from './key-state.ts'
import type { EngineCounts } from './rule-runtime.ts'

export interface EngineOptions {
  readonly allowedLatenessMs: number
  readonly maxEventAgeMs: number
  /** Monotonic ms, to account for what rules cost; without it nothing is timed and every rule has its turn. */
  readonly costClock?: () => number
  readonly counts: EngineCounts & {
    invalid(reason: string): void
    ahead(): void
    /** A text is longer than what rules scan of it: a word behind that is not found. */
    longText?(): void
  }
}

export interface EngineRecord {
  readonly offset: number
  /** The record's own time, for events without a readable one. */
  readonly timestampMs: number
  readonly value: Uint8Array
}

export interface EngineBatch {
  readonly topic: TopicName
  readonly partition: number
  readonly records: readonly EngineRecord[]
  readonly highWatermark: number
}

/** As it was stored. */
export interface SavedState {
  readonly positions: readonly ReadPosition[]
  readonly rules: ReadonlyArray<{
    readonly id: string
    readonly fingerprint: string
    readonly memory: RuleMemory
    readonly windows: readonly StoredKey[]
    readonly seen: ReadonlyArray<{ readonly id: string; readonly atMs: number }>
  }>
  /** Alerts on record as firing. */
  readonly firing: readonly AlertRecord[]
  readonly heartbeats: ReadonlyMap<string, number>
}
