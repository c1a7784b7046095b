import type { Emitted } from '../../../event/encode.ts'
import type { Level, ThumpEvent } from '../../../event/event.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { AgentConfig } from '../../../runtime/config/schema-agent.ts'
import type { Health } from '../../../runtime/health.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import type { Emit, Identity } from '../../source.ts'
import type { LineLook } from './line-look.ts'

/** One entry of `agent.logs`. */
export type LogInput = AgentConfig['logs'][number]

/** A partial event, to be merged into the line's own. */
export type Fields = { readonly [field: string]: unknown }

/** What the catalogue knows of a message. */
export interface LineRecognition {
  readonly code: string
  readonly category?: readonly string[]
  readonly outcome?: 'success' | 'failure'
  readonly fields: Fields
}

/** What other rooms do to a line; each may be absent. */
export interface LineServices {
  readonly recognise?: ((message: string, level?: Level) => LineRecognition | undefined) | undefined
  /** Asked of a record's bytes first; without it every record takes the careful way. */
  readonly look?: LineLook | undefined
  readonly parseAccessLine?: ((line: string) => Fields | undefined) | undefined
  readonly parseCombinedLine?: ((line: string) => Fields | undefined) | undefined
  readonly deriver?: Deriver | undefined
  /** Codes whose lines are handed to the deriver; access lines always are. */
  readonly derivingCodes?: ReadonlySet<string> | undefined
  readonly redactor?: { event(event: ThumpEvent, isMessageClean?: boolean): void } | undefined
}

export interface Deriver {
  /** May add to the event, in place, of whom it speaks. What it returns is not masked: it says what the event does, in our own words. */
  derive(event: ThumpEvent): readonly Emitted[]
}

export interface LogFilesDeps extends LineServices {
  readonly inputs: readonly LogInput[]
  readonly dataDir: string
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
  readonly tuning?: Partial<Tuning>
}

/** Times and sizes that tests shorten; the defaults are the product's. */
export interface Tuning {
  /** A full look at folders and files: the truth behind every hint. */
  readonly reconcileMs: number
  /** A last record whose end is not proven goes out after this rest. */
  readonly recordIdleMs: number
  /** An unfinished last line goes out after this rest, flagged `partial`. */
  readonly partialIdleMs: number
  /** Positions that moved are on disk after so long, at the latest with the next acknowledgement. */
  readonly checkpointMs: number
  /** A deleted file at its end is let go after this rest. */
  readonly deletedHoldMs: number
  readonly maxHeldBytes: number
  readonly maxOpenFiles: number
  readonly maxFileInFlightBytes: number
  readonly maxInFlightBytes: number
  readonly readBytes: number
  readonly stopMs: number
}

export const defaultTuning: Tuning = {
  reconcileMs: 1000,
  recordIdleMs: 1000,
  partialIdleMs: 10_000,
  checkpointMs: 250,
  deletedHoldMs: 5000,
  maxHeldBytes: 2 ** 30,
  maxOpenFiles: 0,
  maxFileInFlightBytes: 4 << 20,
  maxInFlightBytes: 32 << 20,
  readBytes: 256 << 10,
  stopMs: 5000,
}
