import type { InRecord } from '../transport.ts'
import { readVarint } from './varint.ts'

interface Cursor {
  readonly buffer: Buffer
  at: number
}

const nothing = Buffer.alloc(0)

/**
 * A record where it lies in its batch. Who moves events on asks for values only: text is made of the key and the headers
 * when somebody reads them, anew each time.
 */
export class WireRecord implements InRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly value: Buffer
  readonly #batch: Buffer
  readonly #keyAt: number
  readonly #headersAt: number

  constructor(batch: Buffer, offset: number, timestampMs: number, value: Buffer, keyAt: number, headersAt: number) {
    this.offset = offset
    this.timestampMs = timestampMs
    this.value = value
    this.#batch = batch
    this.#keyAt = keyAt
    this.#headersAt = headersAt
  }

  get key(): string {
    return readText({ buffer: this.#batch, at: this.#keyAt })
  }

  get headers(): Readonly<Record<string, string>> {
    const cursor = { buffer: this.#batch, at: this.#headersAt }
    const headers: Array<[string, string]> = []
    for (let left = readVarint(cursor); left > 0; left--) headers.push([readText(cursor), readText(cursor)])
    return Object.fromEntries(headers)
  }
}

/** The record whose key begins at the cursor. Throws RangeError where it goes on beyond its batch; never later. */
export function readWireRecord(cursor: Cursor, offset: number, timestampMs: number): WireRecord {
  const { buffer, at: keyAt } = cursor
  pass(cursor)
  const length = pass(cursor)
  const value = length === 0 ? nothing : buffer.subarray(cursor.at - length, cursor.at)
  const headersAt = cursor.at
  for (let left = readVarint(cursor) * 2; left > 0; left--) pass(cursor)
  return new WireRecord(buffer, offset, timestampMs, value, keyAt, headersAt)
}

/** An absent key or value reads as an empty one. */
function readText(cursor: Cursor): string {
  const length = pass(cursor)
  return length === 0 ? '' : cursor.buffer.toString('utf8', cursor.at - length, cursor.at)
}

/** Moves behind the next bytes, and answers how many they are. */
function pass(cursor: Cursor): number {
  const length = Math.max(0, readVarint(cursor))
  cursor.at += length
  if (cursor.at > cursor.buffer.length) throw new RangeError('a record goes on beyond its batch')
  return length
}
