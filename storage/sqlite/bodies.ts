import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

// Larger packs take less room, smaller ones less time where a few events far apart are read.
const maxEvents = 128
const maxBytes = 131_072
const maxCached = 32
// The checksum turns a flipped bit into an error instead of a changed event.
const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 }

/** Whole events, packed together: neighbours are alike, so they take a fraction of the room, and of the writing. */
export class BodyWriter {
  readonly #insert: StatementSync
  #first = 0
  #lines: string[] = []
  #bytes = 0
  #fromMs = Infinity
  #untilMs = -Infinity

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO bodies (first, from_ms, until_ms, lines) VALUES (?, ?, ?, ?)')
  }

  /** `rowid` follows the one before it, or `flush` was called between. */
  add(rowid: number, atMs: number, json: string): void {
    if (this.#lines.length > 0 && rowid !== this.#first + this.#lines.length) this.flush()
    if (this.#lines.length === 0) this.#first = rowid
    // Outside its strings JSON may hold line ends; inside it cannot.
    this.#lines.push(json.includes('\n') ? JSON.stringify(JSON.parse(json)) : json)
    this.#bytes += json.length
    this.#fromMs = Math.min(this.#fromMs, atMs)
    this.#untilMs = Math.max(this.#untilMs, atMs)
    if (this.#lines.length >= maxEvents || this.#bytes >= maxBytes) this.flush()
  }

  /** At the end of every transaction. */
  flush(): void {
    if (this.#lines.length > 0) {
      const lines = zstdCompressSync(this.#lines.join('\n'), { params })
      this.#insert.run(this.#first, this.#fromMs, this.#untilMs, lines)
    }
    this.forget()
  }

  forget(): void {
    this.#lines = []
    this.#bytes = 0
    this.#fromMs = Infinity
    this.#untilMs = -Infinity
  }
}

/** Finds an event's JSON by its row, the last few packs unpacked. */
export class BodyReader {
  readonly #find: StatementSync
  readonly #packs = new Map<number, readonly string[]>()
  readonly #maxPacks: number
  #last: { readonly first: number; readonly lines: readonly string[] } | undefined

  /** `maxPacks`: how many stay unpacked; one is enough for who goes through all in order. */
  constructor(database: DatabaseSync, maxPacks = maxCached) {
    this.#maxPacks = maxPacks
    this.#find = database.prepare('SELECT first, lines FROM bodies WHERE first <= ? ORDER BY first DESC LIMIT 1')
  }

  /** Throws where the pack is damaged. */
  json(rowid: number): string {
    const line = lineOf(this.#last, rowid)
    if (line !== undefined) return line
    for (const [first, lines] of this.#packs) {
      const found = lineOf({ first, lines }, rowid)
      if (found === undefined) continue
      this.#last = { first, lines }
      return found
    }
    const row = this.#find.get(rowid) as { first: number; lines: Uint8Array } | undefined
    if (!row) throw new Error(`row ${rowid} has no event`)
    const lines = zstdDecompressSync(row.lines, { chunkSize: 262_144 }).toString('utf8').split('\n')
    this.#last = { first: row.first, lines }
    this.#packs.set(row.first, lines)
    const [oldest] = this.#packs.keys()
    if (this.#packs.size > this.#maxPacks && oldest !== undefined) this.#packs.delete(oldest)
    const read = lineOf(this.#last, rowid)
    if (read === undefined) throw new Error(`row ${rowid} has no event`)
    return read
  }
}

function lineOf(pack: { first: number; lines: readonly string[] } | undefined, rowid: number): string | undefined {
  return pack?.lines[rowid - pack.first]
}
