import type { ThumpEvent } from '../../event/event.ts'

/** Takes the bytes of a file in their order. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/** Turns events into a file's bytes: the same events always give the same bytes. */
export interface RowFormat {
  add(events: readonly ThumpEvent[]): Promise<void>
  /** After the last event; without it the file is not whole. */
  finish(): Promise<void>
}

export type OpenFormat = (sink: Sink) => RowFormat
